"""Ways that mail comes in: SMTP and LMTP, files; and the health of the process over HTTP."""
