"""Text that would do harm on a terminal, or break the lines of an output."""

NASTY = "a\x1b[31mb\x07c\nINJECTED\rd\x9b2Je\x85f\u2028g\u202eh\u200bi\u2066j\x7fk\ufeffl\x00m"
AS_ARGUMENT = NASTY.replace("\x00", "")
