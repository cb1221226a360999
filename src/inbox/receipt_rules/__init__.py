"""Receipt rules of Amazon SES: read, evaluated as SES does, translated to rules.yaml and back. Pure: whoever has an account hands the data in.

read / read_data -> ReceiptRuleSet -> to_rules -> rules.yaml -> from_rules -> ReceiptRuleSet; evaluate: what SES would do
"""

from inbox.receipt_rules.documents import read_document, read_text
from inbox.receipt_rules.evaluate import Run, accepts, evaluate
from inbox.receipt_rules.exporting import Wishes, from_rules, rule_set_json, template
from inbox.receipt_rules.forwarder import import_forwarder
from inbox.receipt_rules.importing import Imported, import_ses
from inbox.receipt_rules.mailgun import import_mailgun
from inbox.receipt_rules.model import Loss, ReceiptFilter, ReceiptRule, ReceiptRuleSet
from inbox.receipt_rules.reading import merged, read, read_data
from inbox.receipt_rules.translating import filter_lines, to_rules

__all__ = [
    "Imported",
    "Loss",
    "ReceiptFilter",
    "ReceiptRule",
    "ReceiptRuleSet",
    "Run",
    "Wishes",
    "accepts",
    "evaluate",
    "filter_lines",
    "from_rules",
    "import_forwarder",
    "import_mailgun",
    "import_ses",
    "merged",
    "read",
    "read_data",
    "read_document",
    "read_text",
    "rule_set_json",
    "template",
    "to_rules",
]
