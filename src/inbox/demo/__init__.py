"""What `inbox demo` plays with: a rules file, a template and five mails."""
