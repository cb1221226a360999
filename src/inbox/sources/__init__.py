"""Ways that mail comes in: SMTP and LMTP, Amazon SES, files; and the health of the process over HTTP."""
