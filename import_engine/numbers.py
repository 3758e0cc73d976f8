"""Numbers as people write them: decimal comma, thousands signs, currencies, percent, parentheses.

A form describes the cells of one column and gives the SQL that checks and converts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from contract.requests.importing import ReadOptions
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_text

_SPACES = " \u00a0\u2009\u202f"
_APOSTROPHES = "'\u2019"
_MINUS = "-\u2212"
_DASHES = "(?:--?|[\u2013\u2014])"
_GROUPS = {" ": _SPACES, "'": _APOSTROPHES}
"""The characters that stand for one thousands sign."""
SIGN_WORDS = {" ": "spaces", ",": "commas", ".": "points", "'": "apostrophes"}
SYMBOLS = {"€": "EUR", "£": "GBP", "¥": "JPY", "$": "USD", "₹": "INR", "₽": "RUB", "₺": "TRY",
           "₩": "KRW", "₪": "ILS", "zł": "PLN", "Kč": "CZK", "US$": "USD", "R$": "BRL"}  # fmt: skip
CODES = (
    "EUR", "USD", "GBP", "CHF", "JPY", "CNY", "CAD", "AUD", "NZD", "SEK", "NOK",
    "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "RUB", "INR", "BRL", "MXN",
    "ZAR", "SGD", "HKD", "KRW", "ILS", "AED", "SAR", "THB", "TWD", "IDR", "MYR",
    "PHP", "VND", "UAH", "ISK", "EGP", "NGN", "KES", "ARS", "CLP", "COP", "PEN",
    "kr", "Fr",
)  # fmt: skip
_CURRENCY = "|".join(re.escape(each) for each in sorted((*SYMBOLS, *CODES), key=len, reverse=True))
_FIRST_CURRENCY = re.compile(rf"^[-\u2212(\s]*({_CURRENCY})(?![A-Za-z])")
_LAST_CURRENCY = re.compile(rf"(?<![A-Za-z])({_CURRENCY})[-\u2212)\s]*$")
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_GROUPED_OR_FRACTION = re.compile(r"-?[1-9]\d{0,2}(?:\.\d{3})+")
_BLANKS = re.compile(f"[{_SPACES}]{{2,}}")
_GROUPED = re.compile(rf"\d{{1,3}}(?:[{_SPACES}{_APOSTROPHES}]\d{{3}})+")
ID_DIGITS = 7


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : str
        ``.`` or ``,``; empty if no cell has either, so that neither may occur.
    thousands : str
        The signs that may group digits, a space or apostrophe for all of their kinds.
    currencies : tuple of str
        The texts that may stand before or after a number, all of one currency.
    is_percent : bool
        Whether every number has a percent sign; the value is the fraction.
    zeros : bool
        Whether numbers may begin with zeros, as in ``007``.
    dashes : bool
        Whether dashes stand for no decimals, as in ``5,-``.
    changes : tuple of str
        What the sampled cells need, in words.
    """

    decimal: str
    thousands: str
    currencies: tuple[str, ...] = ()
    is_percent: bool = False
    zeros: bool = False
    dashes: bool = False
    changes: tuple[str, ...] = ()

    def pattern(self, *, whole: bool, places: int | None = None) -> str:
        """Return the regular expression of the cells, for RE2 and Python.

        With ``places`` each fraction has so many digits; beside a currency it may have fewer.
        """
        return _pattern(self, whole, places)

    def normalized(self, cell: str) -> str:
        """Return the SQL of a cell of this form as a number with a point and a leading minus."""
        if self.dashes:
            cell = f"regexp_replace({cell}, '[{self.decimal}]{_DASHES}', '')"
        kept = quote_text(f"[^0-9{self.decimal}]")
        digits = f"regexp_replace({cell}, {kept}, '', 'g')"
        if self.decimal == ",":
            digits = f"replace({digits}, ',', '.')"
        if self.zeros:
            digits = f"regexp_replace({digits}, '^0+([0-9])', '\\1')"
        sign = f"CASE WHEN regexp_matches({cell}, '[(\u2212-]') THEN '-' ELSE '' END"
        return f"{sign} || {digits}" + (" || 'e-2'" if self.is_percent else "")


@lru_cache(maxsize=256)
def _pattern(form: NumberForm, whole: bool, places: int | None) -> str:
    decimals = r"\d+"
    if places:
        decimals = rf"\d{{{1 if form.currencies else places},{places}}}"
    space = f"[{_SPACES}]*"
    whole_part = r"\d+" if form.zeros else r"(?:0|[1-9]\d*)"
    groups = "".join(_GROUPS.get(sign, sign) for sign in form.thousands)
    if groups:
        whole_part = rf"(?:{whole_part}|[1-9]\d{{0,2}}(?:[{re.escape(groups)}]\d{{3}})+)"
    number = whole_part
    if form.decimal and not whole:
        mark = re.escape(form.decimal)
        fraction = rf"{mark}(?:{decimals}|{_DASHES})" if form.dashes else rf"{mark}{decimals}"
        number = rf"(?:{whole_part}(?:{fraction})?|{mark}{decimals})"
    if form.is_percent:
        number += f"{space}%"
    before = after = ""
    if form.currencies:
        either = "|".join(re.escape(sign) for sign in form.currencies)
        before, after = f"(?:(?:{either}){space})?", f"(?:{space}(?:{either}))?"
    minus = f"[{_MINUS}]"
    amount = f"{before}{number}{after}"
    signed = f"{before}{minus}?{space}{amount}"
    trailing = f"{amount}{space}{minus}{after}"
    enclosed = rf"{before}\({space}{minus}?{amount}{space}\){after}"
    shapes = [signed, trailing, enclosed]
    if form.decimal and not whole:  # a plus before digits alone may be a telephone number
        fraction = re.escape(form.decimal) + decimals
        shapes.append(rf"{before}\+{space}{before}{whole_part}{fraction}{after}")
    return f"{space}(?:{'|'.join(shapes)}){space}"


def number_forms(
    cells: Sequence[str], options: ReadOptions, *, zeros: bool = False
) -> tuple[NumberForm, ...]:
    """Return the forms that all cells have: two if the decimal mark is open.

    Empty if the cells are plain numbers, or not all numbers of one currency.

    >>> [form.decimal for form in number_forms(["1.234,50 €"], ReadOptions())]
    [',']
    >>> [form.decimal for form in number_forms(["1,234"], ReadOptions())]
    ['.', ',']
    """
    if not cells or not all(any(map(str.isdigit, cell)) for cell in cells):
        return ()
    if all(map(_PLAIN.fullmatch, cells)) and not zeros and options.decimal != ",":
        return ()
    return written_forms(cells, options, zeros=zeros)


def written_forms(
    cells: Sequence[str], options: ReadOptions, *, zeros: bool = False
) -> tuple[NumberForm, ...]:
    """Like :func:`number_forms`, also for plain numbers."""
    percents = sum("%" in cell for cell in cells)
    tokens = sorted({token for cell in cells for token in _currencies(cell)})
    if percents not in (0, len(cells)) or len({SYMBOLS.get(each, each) for each in tokens}) > 1:
        return ()
    forms = []
    for decimal in (options.decimal,) if options.decimal else (".", ","):
        thousands = "".join(each for each in (".", ",", "'", " ") if each != decimal)
        if options.thousands is not None:
            thousands = options.thousands
        no_decimals = re.compile(rf"\d{re.escape(decimal)}{_DASHES}")
        form = NumberForm(
            decimal,
            thousands,
            _spellings(tokens),
            bool(percents),
            zeros,
            any(map(no_decimals.search, cells)),
        )
        pattern = re.compile(form.pattern(whole=False))
        if all(pattern.fullmatch(shortened_blanks(cell)) for cell in cells):
            changes = tuple(_changes(cells, decimal, thousands, tokens))
            forms.append(replace(form, changes=changes))
    if len(forms) == 2 and not any("." in cell or "," in cell for cell in cells):
        if not zeros and are_grouped_ids(cells):
            return ()
        return (replace(forms[0], decimal="", thousands="' ", dashes=False),)
    return tuple(forms)


def are_grouped_ids(cells: Sequence[str]) -> bool:
    """Whether cells are digits in groups, all of one length: ``552 100 554`` may be an id."""
    if not cells:
        return False
    lengths = {sum(map(str.isdigit, cell)) for cell in cells}
    return len(lengths) == 1 and min(lengths) >= ID_DIGITS and all(map(_GROUPED.fullmatch, cells))


def reads_as_number(cell: str) -> bool:
    """Whether a cell by itself is a plain or written number.

    >>> [reads_as_number(cell) for cell in ("5 EUR", "1.234,50-", "A1", "1.2.3", "+49 89 12")]
    [True, True, False, False, False]
    """
    if _PLAIN.fullmatch(cell):
        return True
    return any(map(str.isdigit, cell)) and bool(written_forms([cell], ReadOptions()))


def shortened_blanks(cell: str) -> str:
    """Shorten runs of spaces, on which the pattern of a form takes long in Python."""
    return _BLANKS.sub(" ", cell)


def is_open_fraction(cells: Sequence[str]) -> bool:
    """Whether each point in plain numbers may group digits: ``1.234``, but not ``0.5``."""
    points = [cell for cell in cells if "." in cell]
    return bool(points) and all(map(_GROUPED_OR_FRACTION.fullmatch, points))


def shows_point(cells: Sequence[str]) -> bool:
    """Whether plain numbers have a decimal point that can't group digits."""
    return any("." in cell and not _GROUPED_OR_FRACTION.fullmatch(cell) for cell in cells)


def obstacle(cells: Sequence[str]) -> str | None:
    """Say why amounts stay text, if they have several currencies or percent signs in some cells.

    >>> obstacle(["5 EUR", "7 USD"])
    'it has amounts in EUR and USD'
    """
    if not all(any(map(str.isdigit, cell)) for cell in cells):
        return None
    tokens = sorted({SYMBOLS.get(each, each) for cell in cells for each in _currencies(cell)})
    if len(tokens) > 1:
        return f"it has amounts in {', '.join(tokens[:-1])} and {tokens[-1]}"
    if 0 < sum(cell.rstrip().endswith("%") for cell in cells) < len(cells):
        return "only some of its values have a percent sign"
    return None


def _currencies(cell: str) -> Iterator[str]:
    for pattern in (_FIRST_CURRENCY, _LAST_CURRENCY):
        currency = pattern.search(cell)
        if currency:
            yield currency[1]


def _spellings(tokens: Sequence[str]) -> tuple[str, ...]:
    """All texts of the currency of the tokens."""
    if not tokens:
        return ()
    code = SYMBOLS.get(tokens[0], tokens[0])
    same = [each for each, of in SYMBOLS.items() if of == code]
    return tuple(sorted({*tokens, *same, code}, key=lambda each: (-len(each), each)))


def _changes(
    cells: Sequence[str], decimal: str, thousands: str, tokens: Sequence[str]
) -> Iterator[str]:
    """Say what the cells need to become numbers."""
    if decimal == "," and any("," in cell for cell in cells):
        yield "decimal comma"
    for sign in thousands:
        characters = _GROUPS.get(sign, sign)
        grouped = re.compile(rf"\d[{re.escape(characters)}]\d{{3}}")
        if any(map(grouped.search, cells)):
            yield f"thousands separated by {SIGN_WORDS.get(sign, sign)}"
    if tokens:
        yield f"currency {' or '.join(tokens)} removed"
    if any("(" in cell for cell in cells):
        yield "parentheses are negative"
    dash = re.compile(rf"\d{re.escape(decimal)}{_DASHES}")
    trailing = (dash.sub("", cell).rstrip(" )" + _CURRENCY_CHARACTERS) for cell in cells)
    if any(cell.endswith(tuple(_MINUS)) for cell in trailing):
        yield "trailing minus is negative"
    if any("%" in cell for cell in cells):
        yield "percent is a fraction"


_CURRENCY_CHARACTERS = "€$£¥"
