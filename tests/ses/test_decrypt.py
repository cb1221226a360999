"""Objects that SES has encrypted: read in pieces of any size, and not believed when one bit is another."""

from __future__ import annotations

import base64
import json
import os

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from inbox.sources.ses.decrypt import check_seal, deciphered, read_seal
from inbox.sources.ses.errors import Undecipherable

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
KEY = bytes(range(32))
MAIL = os.urandom(100_001)
CONTEXT = {"aws:ses:message-id": ID, "aws:ses:source-account": "123456789012", "kms_cmk_id": "alias/aws/ses"}


def metadata(algorithm, iv, **more):
    return {
        "x-amz-key-v2": base64.b64encode(b"wrapped").decode(),
        "x-amz-iv": base64.b64encode(iv).decode(),
        "x-amz-cek-alg": algorithm,
        "x-amz-wrap-alg": "kms",
        "x-amz-tag-len": "128",
        "x-amz-matdesc": json.dumps(CONTEXT),
        "x-amz-unencrypted-content-length": str(len(MAIL)),
        **more,
    }


def gcm(mail=MAIL):
    return metadata("AES/GCM/NoPadding", b"n" * 12), AESGCM(KEY).encrypt(b"n" * 12, mail, None)


def cbc(mail=MAIL):
    padder, encryptor = padding.PKCS7(128).padder(), Cipher(algorithms.AES(KEY), modes.CBC(b"n" * 16)).encryptor()
    return metadata("AES/CBC/PKCS5Padding", b"n" * 16), encryptor.update(padder.update(mail) + padder.finalize()) + encryptor.finalize()


def opened(about, octets, size=4096, key=KEY):
    def unwrap(wrapped, context):
        assert (wrapped, context) == (b"wrapped", CONTEXT)
        return key

    pieces = (octets[start : start + size] for start in range(0, len(octets), size))
    return b"".join(deciphered(pieces, read_seal(about, ID), unwrap, ID))


@pytest.mark.parametrize("sealed", [gcm, cbc])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 4096, 1 << 20])
def test_pieces_of_every_size_give_the_same_mail(sealed, size):
    assert opened(*sealed(), size=size if size > 1 else 7) == MAIL


@pytest.mark.parametrize("position", [0, 50_000, 100_000, 100_001, -1])
def test_one_bit_anywhere_in_a_gcm_object_is_noticed(position):
    about, octets = gcm()
    changed = bytearray(octets)
    changed[position] ^= 1
    with pytest.raises(Undecipherable):
        opened(about, bytes(changed))


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 100_000])
@pytest.mark.parametrize("sealed", [gcm, cbc])
def test_an_object_that_was_cut_is_noticed(sealed, length):
    about, octets = sealed()
    with pytest.raises(Undecipherable):
        opened(about, octets[:length])


def test_blocks_taken_out_of_a_cbc_object_are_noticed_by_its_length():
    about, octets = cbc()
    with pytest.raises(Undecipherable, match="octets in it instead of"):
        opened(about, octets[:16] + octets[32:])


@pytest.mark.parametrize("key", [bytes(32), b"short"])
def test_another_key_is_noticed(key):
    with pytest.raises(Undecipherable):
        opened(*gcm(), key=key)


SEALS = [
    ({"x-amz-wrap-alg": "AESWrap"}, "SES writes kms"),
    ({"x-amz-cek-alg": "AES/ECB"}, "SES writes kms"),
    ({"x-amz-tag-len": "32"}, "SES writes kms"),
    ({"x-amz-iv": "AAAA"}, "initialisation vector"),
    ({"x-amz-iv": "*"}, "cannot be read"),
    ({"x-amz-matdesc": "[]"}, "cannot be read"),
    ({"x-amz-matdesc": "{"}, "cannot be read"),
    ({"x-amz-unencrypted-content-length": "many"}, "cannot be read"),
]


@pytest.mark.parametrize(("changed", "words"), SEALS)
def test_a_seal_that_ses_does_not_write_is_refused(changed, words):
    with pytest.raises(Undecipherable, match=words):
        read_seal(gcm()[0] | changed, ID)


def test_an_object_without_a_wrapped_key_is_not_encrypted():
    assert read_seal({"x-amz-iv": "AAAA"}, ID) is None


def test_an_object_that_was_encrypted_for_another_mail_or_by_another_account_is_refused():
    seal = read_seal(gcm()[0], ID)
    check_seal(seal, f"mail/{ID}", "123456789012")
    check_seal(seal, f"mail/{ID}", None)
    with pytest.raises(Undecipherable, match="for mail"):
        check_seal(seal, "mail/another", None)
    with pytest.raises(Undecipherable, match="of account 123456789012"):
        check_seal(seal, f"mail/{ID}", "999999999999")
