#!/bin/sh
# phonenumbers calls a satellite telephone a mobile one, and Britain's 084 premium rate.
#
# Software: phonenumbers 9.0.43, asked for the type and the region of numbers: its own examples,
#   numbers that are kept free for fiction (555-0100), and blocks as a whole.
# Surprise: who allows or refuses calls by number_type has few words for what a call costs. There is
#   none for satellites: +881 is MOBILE, beside the national ones, and of the region "001", as are
#   +800, +808 and +979. 084, where Ofcom's plan limits the service charge to 7 pence a minute, is
#   of one type with 09; SHARED_COST, "typically less" by the library's own words, no British number
#   has. Codes of North America that are tied to no place are PERSONAL_NUMBER, but Canada's 600 is
#   VOIP and its 622 is not; an example for Canada may well be of the region US.
#   connects_to_emergency_number takes further digits, which its documentation says of some
#   regions: 9111 is a call to 911 in the US, though not an emergency number by the other function.
# Seen: the types and regions that the program lists, all of valid numbers.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare phonenumbers==9.0.43

run 60 <<'PYTHON'
import phonenumbers
from expect import end, expect
from phonenumbers import PhoneNumberType

NAMES = {value: name for name, value in vars(PhoneNumberType).items() if isinstance(value, int)}


def kind(number):
    """Return type and region of a valid number."""
    assert phonenumbers.is_valid_number(number), number
    return NAMES[phonenumbers.number_type(number)], phonenumbers.region_code_for_number(number)


def kinds(country, start, digits):
    """Return what a block has: 1,000 of its numbers, evenly."""
    numbers = range(start * 10**digits, (start + 1) * 10**digits, 10 ** (digits - 3))
    return {kind(phonenumbers.PhoneNumber(country, number)) for number in numbers}


print(f"phonenumbers {phonenumbers.__version__}")
for country, name in (
    (881, "MOBILE"),  # satellites
    (979, "PREMIUM_RATE"),
    (800, "TOLL_FREE"),
    (808, "SHARED_COST"),
):
    example = phonenumbers.example_number_for_non_geo_entity(country)
    expect(kind(example), (name, "001"), f"+{country}")

for start in (843, 844, 845, 909):
    expect(kinds(44, start, 7), {("PREMIUM_RATE", "GB")}, f"+44 {start}")
shared = PhoneNumberType.SHARED_COST in phonenumbers.supported_types_for_region("GB")
expect(shared, False, "SHARED_COST in Britain")

for code, described in (
    (500, ("PERSONAL_NUMBER", "US")),
    (533, ("PERSONAL_NUMBER", "US")),
    (588, ("PERSONAL_NUMBER", "US")),
    (600, ("VOIP", "CA")),
    (622, ("PERSONAL_NUMBER", "CA")),
):
    expect(kind(phonenumbers.parse(f"+1{code}5550100")), described, f"+1 {code}")
for name in ("PERSONAL_NUMBER", "TOLL_FREE", "PREMIUM_RATE"):
    example = phonenumbers.example_number_for_type("CA", getattr(PhoneNumberType, name))
    expect(kind(example), (name, "US"), f"the example for Canada, {name}")

for dialled, described in (("911", (True, True)), ("9111", (True, False))):
    connects = phonenumbers.connects_to_emergency_number(dialled, "US")
    is_one = phonenumbers.is_emergency_number(dialled, "US")
    expect((connects, is_one), described, f"{dialled} in the US: connects to one, is one")
end()
PYTHON
