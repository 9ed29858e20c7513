"""Programs that end turns at awkward moments, put together at random from scenes."""

import random
import textwrap
from dataclasses import dataclass
from typing import Final

EXCEPTION, EXIT_NOW = 1, 3


@dataclass(frozen=True)
class Scene:
    """A piece of a program.

    `before` stands before the journal is imported, `then` after it. In both `S` is the session
    of the scene. Unless `may_lose`, all that is begun is saved, and every turn's end is written:
    no thread is stopped in it, nothing is closed and nobody leaves by `os._exit`.
    """

    name: str
    then: str
    before: str = ""
    may_lose: bool = False


@dataclass(frozen=True)
class Program:
    """`scenes` maps sessions to the scenes that use them."""

    text: str
    code: int
    scenes: dict[str, Scene]
    hasty: bool
    """Whether it ends by `os._exit`."""


SCENES: Final = (
    Scene("atexit before the import", "", before="atexit.register(stage.save, 'S', 'late')"),
    Scene("atexit after the import", "atexit.register(stage.save, 'S', 'late')"),
    Scene("a finalizer of a global", "of_S = Last(lambda: stage.save('S', 'late'))"),
    Scene(
        "a finalizer in a circle",
        "of_S = Last(lambda: stage.save('S', 'late')).in_a_circle()",
    ),
    Scene(
        "a finalizer among the modules",
        "sys.modules['of_S'] = Last(lambda: stage.save('S', 'late'))",
    ),
    Scene(
        "used before, then in a finalizer",
        "stage.save('S', 'early')\nof_S = Last(lambda: stage.save('S', 'late'))",
    ),
    Scene(
        "a turn that a global ends",
        "turn_S = stage.open_turn('S', 'turn')\nof_S = Last(lambda: stage.end_turn(turn_S))",
    ),
    Scene(
        "a turn that ends among the modules",
        "turn_S = stage.open_turn('S', 'turn')\n"
        "sys.modules['of_S'] = Last(lambda turn=turn_S: stage.end_turn(turn))",
    ),
    Scene(
        "a turn that ends in a circle",
        "turn_S = stage.open_turn('S', 'turn')\n"
        "of_S = Last(lambda turn=turn_S: stage.end_turn(turn)).in_a_circle()\n"
        "del turn_S",
    ),
    Scene(
        "a stream that is read in part",
        "stream_S = stream(stage, stage.open_turn('S', 'turn'))\nnext(stream_S)",
    ),
    Scene(
        "a turn that atexit ends, of before the import",
        "turn_S.append(stage.open_turn('S', 'turn'))",
        before="turn_S = []\natexit.register(lambda: stage.end_turn(turn_S[0]))",
    ),
    Scene(
        "a turn that atexit ends",
        "turn_S = stage.open_turn('S', 'turn')\natexit.register(stage.end_turn, turn_S)",
    ),
    Scene(
        "a turn opened and closed in a finalizer",
        "of_S = Last(lambda: stage.end_turn(stage.open_turn('S', 'turn')))",
    ),
    Scene(
        "many sessions, few of them open",
        """
        for n in range(5):
            stage.save('S', f'early-{n}')
            stage.save('S-other', f'early-{n}')
        of_S = Last(lambda: [stage.save(s, 'late') for s in ('S', 'S-other')])
        """,
    ),
    Scene(
        "a thread that goes on after the main one",
        """
        def work_S():
            threading.main_thread().join()
            stage.save('S', 'after-main')
            stage.end_turn(stage.open_turn('S', 'turn'))
        threading.Thread(target=work_S).start()
        """,
    ),
    Scene(
        "a thread that exits",
        """
        def work_S():
            stage.save('S', 'early')
            sys.exit(7)
        threading.Thread(target=work_S).start()
        """,
    ),
    Scene(
        "daemon threads that never stop",
        """
        def work_S(me):
            for n in itertools.count():
                stage.save('S', f'{me}-{n}')
        for me in ('one', 'two'):
            threading.Thread(target=work_S, args=(me,), daemon=True).start()
        sys.modules['of_S'] = Last(lambda: [stage.save('S', f'late-{n}') for n in range(3)])
        """,
        may_lose=True,
    ),
    Scene(
        "daemon threads with turns that never stop",
        """
        def work_S(me):
            for n in itertools.count():
                stage.end_turn(stage.open_turn('S', f'{me}-{n}'))
        for me in ('one', 'two'):
            threading.Thread(target=work_S, args=(me,), daemon=True).start()
        turn_S = stage.open_turn('S', 'turn')
        sys.modules['of_S'] = Last(lambda turn=turn_S: stage.end_turn(turn))
        """,
        may_lose=True,
    ),
    Scene(
        "a fork, and both go on",
        """
        stage.save('S', 'before')
        turn_S = stage.open_turn('S', 'turn')
        if os.fork() == 0:
            stage.put_out_decoys('S')
            stage.save('S', 'child')
            of_S = Last(lambda: stage.save('S', 'late-child'))
            sys.exit(0)
        else:
            stage.save('S', 'parent')
            of_S = Last(lambda: stage.save('S', 'late'))
            os.wait()
        stage.end_turn(turn_S)
        """,
    ),
    Scene(
        "a child of multiprocessing",
        """
        stage.save('S', 'before')
        def work_S():
            stage.put_out_decoys('S')
            stage.save('S', 'child')
        child_S = multiprocessing.get_context('fork').Process(target=work_S)
        child_S.start()
        child_S.join()
        stage.save('S', 'parent')
        """,
    ),
    Scene(
        "event loop that ends with tasks under way",
        """
        async def wait_S():
            turn = stage.make_turn('S', 'turn')
            stage.say('opened', 'S', 'turn')
            await stage.recorder.aopen(turn)
            try:
                await asyncio.Event().wait()
            finally:
                stage.end_turn(turn)
        async def main_S():
            waiting = asyncio.create_task(wait_S())
            await asyncio.sleep(0.01)
            saving = asyncio.create_task(asyncio.to_thread(stage.save, 'S', 'aside'))
            await asyncio.sleep(0)
        asyncio.run(main_S())
        """,
    ),
    Scene(
        "a mirror that is closed and dropped before its turn ends",
        """
        from projections.adapters.mirroring import Mirror
        def drop_S():
            mirror = Mirror(stage.store)
            turn = stage.make_turn('S', 'turn')
            stage.say('opened', 'S', 'turn')
            mirror.recorder.open(turn)
            mirror.close()
            mirror.recorder.defer(lambda: mirror.recorder.close_soon(turn))
            stage.say('ended', 'S', 'turn')
        drop_S()
        """,
    ),
    Scene(
        "a store that is closed and used",
        """
        from projections.store.store import DefaultSessionStore
        closed_S = Stage(stage.folder)
        closed_S.begin(durability='os')
        closed_S.save('S', 'early')
        turn_S = closed_S.open_turn('S', 'turn')
        closed_S.store.close()
        stage.put_out_decoys('S')
        closed_S.save('S', 'closed')
        of_S = Last(lambda: (closed_S.save('S', 'late'), closed_S.end_turn(turn_S)))
        """,
        may_lose=True,
    ),
)

_HEAD = """
import asyncio, atexit, itertools, multiprocessing, os, sys, threading
from tests.faults.ends.stage import Last, Stage, stage_of, stream
stage = stage_of()
atexit.register(stage.put_out_decoys, 'last')
"""

_IMPORT = """
stage.begin(durability={durability!r}, max_open={most}, lock_timeout=5.0, redact=None)
atexit.register(stage.put_out_decoys, 'first')
early = Last(lambda: stage.put_out_decoys('finalizer'))
"""

_ENDS = {
    "runs to its end": ("", 0),
    "raises": ("raise ValueError('the program is wrong')", EXCEPTION),
    "exits": ("sys.exit(5)", 5),
    "leaves at once": (f"os._exit({EXIT_NOW})", EXIT_NOW),
    "leaves at once in atexit": (f"atexit.register(os._exit, {EXIT_NOW})", EXIT_NOW),
}


def program(number: int) -> Program:
    """The program of this number, the same every time."""
    dice = random.Random(number)
    chosen = [SCENES[number % len(SCENES)], *dice.sample(SCENES, dice.randint(1, 3))]
    scenes = {f"s{place}": scene for place, scene in enumerate(dict.fromkeys(chosen))}
    end = dice.choices(list(_ENDS), weights=(6, 2, 1, 1, 1))[0]
    last, code = _ENDS[end]
    pieces = [
        _HEAD,
        *(_of(scene.before, name) for name, scene in scenes.items()),
        _IMPORT.format(
            durability=dice.choice(("os", "os", "fsync")), most=dice.choice((1, 2, 256))
        ),
        *(_of(scene.then, name) for name, scene in scenes.items()),
        last,
    ]
    about = f"# program {number}, {end}: {', '.join(scene.name for scene in scenes.values())}"
    return Program("\n".join([about, *pieces]), code, scenes, hasty=code == EXIT_NOW)


def _of(text: str, session: str) -> str:
    """`S` is a word of its own or the end of a name."""
    text = textwrap.dedent(text).replace("'S'", f"'{session}'").replace("'S-", f"'{session}-")
    return text.replace("_S", f"_{session}")
