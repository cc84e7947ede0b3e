"""The trial of `make stack EXIT=1`: a real study each way, then SIGKILLs of every service while studies go in."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydicom import dcmread

from benchmarks.tables import markdown_table
from gateway.demo.study import write_study as write_demo_study
from tests.peers.dcmtk import dcmsend
from tests.peers.synthetic import Exam, WrittenStudy
from tests.stack.composition import XRAY
from tests.stack.ledger import archived, asked, lost_objects, wait_for_deliveries
from tests.stack.outside import Stack, StackFailed
from tests.stack.xray import SentStudy, XRay
from tests.system.small_breasts import small_study

_STUDY_SECONDS = 600.0
_AFTERWARDS_SECONDS = 900.0
_BETWEEN_KILLS = (1.0, 6.0)
# Who takes images at the stack's edge, and at which of its ports.
_RECEIVERS = {"MAMMOGATE": ("receive", 11112), "ORTHANC": ("orthanc", 4242)}


def try_out(stack: Stack, kills: int, seed: int, say: Callable[[str], None]) -> str:
    """Run the trial; return its table. Raises StackFailed when anything was lost."""
    peers = {title: stack.ports[port] for title, port in _RECEIVERS.items()}
    first = [_send_a_real_study(stack, title, port, say) for title, port in peers.items()]
    left = wait_for_deliveries(stack, first, _STUDY_SECONDS)
    if left:
        raise StackFailed("; ".join(left))
    say(f"Both are reported; Orthanc has {len(asked(lambda: archived(stack)))} objects.")
    studies, killed, sent_again = first, Counter[str](), 0
    started = time.monotonic()
    if kills:
        x_ray = XRay(peers, lambda number: _small_study(stack.data / "sent", number), pause=2.0, least=6)
        x_ray.start()
        killed = _kill_each_in_turn(stack, kills, random.Random(seed), say)
        x_ray.enough.set()
        x_ray.join(_AFTERWARDS_SECONDS)
        if x_ray.is_alive():
            raise StackFailed("an X-ray machine never got its study acknowledged")
        studies, sent_again = [*first, *x_ray.sent], x_ray.sent_again
    left = wait_for_deliveries(stack, studies, _AFTERWARDS_SECONDS)
    seconds = time.monotonic() - started
    stack.wait_until_ready()
    lost = lost_objects(stack, studies)
    table = _table(stack, killed, studies, sent_again, lost, seconds)
    if left or any(lost.values()):
        raise StackFailed("\n".join([*left, table]))
    return table


def _send_a_real_study(stack: Stack, title: str, port: int, say: Callable[[str], None]) -> SentStudy:
    study = write_demo_study(stack.data / "sent" / title, datetime.now().astimezone())
    done = dcmsend(port, *study.paths, called=title, calling=XRAY)
    if done.returncode != 0:
        raise StackFailed(f"dcmsend to {title} ended with {done.returncode}: {done.stderr[-500:]}")
    say(f"dcmsend sent the demonstration study to {title}.")
    images = frozenset(str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in study.paths)
    return SentStudy(study.study_instance_uid, images, title)


def _small_study(folder: Path, number: int) -> WrittenStudy:
    exam = Exam(patient_id=f"STACK-{number}", accession_number=f"S{number}")
    return small_study(folder / str(number), exam=exam, seed=number)


def _kill_each_in_turn(stack: Stack, kills: int, dice: random.Random, say: Callable[[str], None]) -> Counter[str]:
    """SIGKILL the services, each in turn in an order that changes, and only one that runs."""
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        names = sorted(stack.services)
        dice.shuffle(names)
        for name in names[: kills - killed.total()]:
            time.sleep(dice.uniform(*_BETWEEN_KILLS))
            deadline = time.monotonic() + 120
            while not stack.kill(name):
                if time.monotonic() > deadline:
                    raise StackFailed(f"{name} did not come back: see {stack.data}/logs/{name}.log")
                time.sleep(0.2)
            killed[name] += 1
            say(f"SIGKILL {killed.total()}/{kills}: {name}")
    return killed


def _table(
    stack: Stack,
    killed: Counter[str],
    studies: Sequence[SentStudy],
    sent_again: int,
    lost: dict[str, int],
    seconds: float,
) -> str:
    to = Counter(one.to for one in studies)
    rows = [[name, str(killed[name]), str(one["starts"])] for name, one in sorted(stack.services.items())]
    facts = [
        [f"studies sent to {title}, each reported once and delivered", str(count)]
        for title, count in sorted(to.items())
    ]
    facts += [["images acknowledged", str(sum(len(one.images) for one in studies))]]
    facts += [["images sent again after a failure", str(sent_again)], ["seconds", f"{seconds:.0f}"]]
    facts += [[what, str(count)] for what, count in lost.items()]
    return "\n\n".join([markdown_table(["service", "SIGKILLs", "starts"], rows), markdown_table(["", "number"], facts)])
