"""The SMTP and LMTP door. The only place that knows aiosmtpd.

address  paths and parameters of MAIL and RCPT      server   what sessions share: gate, limits, who is in, the clock
data     the octets behind DATA                     wire     one connection: octets, replies, time, TLS
replies  everything the door says                   session  the dialogue: SMTP, LMTP
proxy    the PROXY header                           doors    sockets that listen; open, drain
tls      certificate and key
"""

from inbox.sources.smtp.doors import Address, Doors, open_doors

__all__ = ["Address", "Doors", "open_doors"]
