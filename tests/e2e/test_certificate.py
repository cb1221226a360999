"""A certificate that is renewed while the daemon works."""

from __future__ import annotations

import signal
import smtplib
import ssl
import threading

from inbox.sources.smtp.certificate import make_certificate
from waiting import until

RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"


def renew(folder):
    pair = make_certificate(["mx.example.com"], 9)
    for name, octets in (("key.pem", pair.key), ("cert.pem", pair.certificate)):
        (folder / name).write_bytes(octets)


def session(daemon, context):
    client = smtplib.SMTP("127.0.0.1", daemon.port, timeout=20)
    client.starttls(context=context)
    return client


def serial(client):
    return ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(binary_form=True))


def test_sighup_renews_the_certificate_under_load_and_open_sessions_go_on(daemon_of, program):
    renew(program.folder)
    daemon = daemon_of(RULES, "--certificate", "cert.pem", "--key", "key.pem", "--workers", "0")
    context, stop, sent, faults = ssl._create_unverified_context(), threading.Event(), [], []

    def load():
        try:
            while not stop.is_set():
                with session(daemon, context) as client:
                    client.sendmail("a@example.org", ["u@example.com"], "Subject: x\r\n\r\nx\r\n")
                    sent.append(1)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=load) for _ in range(2)]
    with session(daemon, context) as old:
        first = serial(old)
        for thread in threads:
            thread.start()
        renew(program.folder)
        daemon.signal(signal.SIGHUP)

        def renewed():
            with session(daemon, context) as client:
                return serial(client) != first

        until(renewed, "the new certificate is shown")
        (program.folder / "cert.pem").write_text("broken")
        daemon.signal(signal.SIGHUP)
        until(lambda: "the old one stays in force" in daemon.log(), "the log says that it is broken")
        assert renewed()
        stop.set()
        for thread in threads:
            thread.join(20)
        old.sendmail("a@example.org", ["u@example.com"], "Subject: x\r\n\r\nx\r\n")
    assert faults == []
    assert daemon.stop() == 0
    assert int(program("list", "--count")) == len(sent) + 1
