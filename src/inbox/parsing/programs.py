"""Which files can do something when they are opened: by name, as Windows and mail programs judge, and by their first octets."""

from __future__ import annotations

import re

_EXTENSION = re.compile(r"\.([a-z0-9-]{1,15})(?=$|[^a-z0-9.-])")
_WORDS = (
    "exe com scr pif bat cmd dll sys ocx cpl msi msp mst msix msixbundle appx appxbundle appinstaller gadget "
    "vbs vbe vb js jse mjs wsf wsh wsc ws sct hta ps1 ps1xml ps2 psc1 psm1 psd1 reg inf scf lnk url website "
    "chm hlp jar jnlp class apk app dmg pkg command workflow scpt applescript action deb rpm run elf sh bash csh ksh zsh "
    "iso img vhd vhdx wim application ade adp mde xll xlam wll msc library-ms search-ms settingcontent-ms theme diagcab diagcfg diagpkg cab "
    "ins isp nsh shb shs vxd py pyw pyz appref-ms xbap rdp iqy slk"
)
_PROGRAMS = frozenset(_WORDS.split())
_TYPES = frozenset(
    (
        "application/x-msdownload",
        "application/x-executable",
        "application/x-mach-binary",
        "application/java-vm",
        "application/java-archive",
        "application/vnd.android.package-archive",
        "application/x-ms-shortcut",
        "application/vnd.ms-htmlhelp",
        "application/x-iso9660-image",
        "text/x-script",
    )
)


def is_program(name: str, detected: str | None) -> bool:
    """Whether a file is a program, a script, an installer, a shortcut or a disk image: by its last extension or by what it holds."""
    found = _EXTENSION.findall(name.lower().rstrip(" ."))
    return detected in _TYPES or bool(found and found[-1] in _PROGRAMS)
