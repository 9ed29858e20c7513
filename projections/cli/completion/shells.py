"""How bash, zsh and fish ask for completions, and how they are answered.

Each shell has a script, which it runs at a press of TAB, and a class, which reads what the
script passes on and words the answer. `completers` finds what may be typed; this knows quotes.
A completion of the type `open` is a beginning, such as `native/`: no blank follows it.
"""

import os
import re
from typing import ClassVar, NamedTuple

from click.shell_completion import (
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line
    COMPREPLY=()
    for line in $(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null); do
        case $line in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            open,*) compopt -o nospace; COMPREPLY+=("${line#*,}") ;;
            *) COMPREPLY+=("${line#*,}") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a plain described open response
    local kind value help
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(COMP_WORDS="${(F)words}" COMP_CWORD=$((CURRENT - 1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for kind value help in ${response}; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files ;;
            open) open+=("$value") ;;
            plain) [[ $help == _ ]] && plain+=("$value") || described+=("$value:$help") ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#open )) && compadd -U -V unsorted -S '' -a open
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l response (%(complete_var)s=fish_complete COMP_LINE=(commandline -cp) \\
        %(prog_name)s 2>/dev/null)
    for line in $response
        set -l parts (string split -m 1 "," -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case '*'
                echo $parts[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

_SPECIAL = re.compile(r"[^\w@%+=:,./~^-]")
"""What bash must not read as it is. A `~` counts at the beginning of a word only."""


_KEPT_BREAK = "@"
"""The break at which bash begins anew with the break itself: it may begin the name of a host."""


class Typed(NamedTuple):
    """A word of a command line, as far as it was typed: what it means, and how it is written."""

    value: str
    raw: str
    quote: str
    """The quote that is still open, if one is."""
    before: str
    """What the word means up to where bash begins to complete: an open quote, or a break."""


def typed(line: str, breaks: str) -> list[Typed]:
    """The words of a line up to the cursor, the last of which is being typed.

    `breaks` are the characters at which bash begins anew to complete, `$COMP_WORDBREAKS`.
    Quotes are read as bash reads them, which is near enough for fish.
    """
    words: list[Typed] = []
    value = raw = quote = before = ""
    is_word = False
    chars = iter(line)
    for char in chars:
        if not quote and char in " \t\n":
            if is_word:
                words.append(Typed(value, raw, quote, before))
            value = raw = before = ""
            is_word = False
            continue
        is_word = True
        raw += char
        if quote:
            if char == quote:
                quote = ""
                before = value
            elif quote == '"' and char == "\\":
                following = next(chars, "")
                raw += following
                value += following if following in '"\\$`' else char + following
            else:
                value += char
        elif char in "'\"":
            quote, before = char, value
        elif char == "\\":
            following = next(chars, "")
            raw += following
            value += following
        else:
            if char in breaks:
                before = value if char == _KEPT_BREAK else value + char
            value += char
    words.append(Typed(value, raw, quote, before))
    return words


def bash_reply(value: str, word: Typed) -> str:
    """What bash is to put in place of what it completes, so that the word means `value`."""
    rest = value.removeprefix(word.before)
    match word.quote:
        case "'":
            return rest.replace("'", "'\\''")
        case '"':
            return re.sub(r'["\\$`]', r"\\\g<0>", rest)
    if not word.before and rest.startswith("~"):
        return "\\" + _SPECIAL.sub(r"\\\g<0>", rest)
    return _SPECIAL.sub(r"\\\g<0>", rest)


class Bash(ShellComplete):
    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        words = typed(os.environ["COMP_LINE"], os.environ["COMP_BREAKS"])
        self._word = words[-1]
        return [word.value for word in words[1:-1]], words[-1].value

    def format_completion(self, item: CompletionItem) -> str:
        # What is completed after `--dir=` is only that part of the word.
        option, equals, _ = self._word.value.partition("=")
        is_value = bool(equals) and option.startswith("--") and not item.value.startswith("-")
        value = f"{option}={item.value}" if is_value else item.value
        return f"{item.type},{bash_reply(value, self._word)}"


class Zsh(ZshComplete):
    """Zsh quotes what it inserts."""

    source_template: ClassVar[str] = _ZSH


class Fish(FishComplete):
    """Fish quotes what it inserts."""

    source_template: ClassVar[str] = _FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        words = [word.value for word in typed(os.environ["COMP_LINE"], "")]
        return words[1:-1], words[-1]


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def install() -> None:
    """Have click answer these shells in our way."""
    for name, shell in SHELLS.items():
        add_completion_class(shell, name)
