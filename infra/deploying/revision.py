"""What would be shipped: the commit that is checked out, and whether the files are that commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from infra.deploying.commands import run
from infra.deploying.stopped import Stopped

_SECONDS = 20.0
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit. `changed` names files that differ from it; `digest` tells one set of such changes from another."""

    commit: str
    changed: tuple[str, ...] = ()
    digest: str = ""

    @property
    def name(self) -> str:
        """What it is called: twelve digits, and a mark where the files are not that commit."""
        return self.commit[:12] + (f"-dirty.{self.digest}" if self.changed else "")


async def found(
    root: Path, env: Mapping[str, str], wanted: str = "", *, allow_dirty: bool = False
) -> Revision:
    """What is checked out. `wanted` is what somebody believes it is. Raises Stopped where that is another commit or
    none, where there is no commit at all, and for changed files unless they are allowed."""
    head = await _git(root, env, "rev-parse", "--verify", "HEAD^{commit}")
    if head is None:
        raise Stopped(
            f"{root} is no git checkout with a commit: what is deployed must have a name to go back to.",
            code=2,
        )
    if wanted:
        named = await _git(root, env, "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}")
        if named is None:
            raise Stopped(f"There is no revision '{wanted}' here: git fetch, or correct it.", code=2)
        if named != head:
            raise Stopped(
                f"'{wanted}' is {named[:12]}, and {head[:12]} is checked out. What is deployed is what lies here: "
                f"git checkout {wanted}",
                code=2,
            )
    status = await _git(root, env, "status", "--porcelain") or ""
    changed = tuple(line[3:] for line in status.splitlines() if line)
    if changed and not allow_dirty:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise Stopped(
            f"Files differ from {head[:12]}: {', '.join(changed[:_SHOWN])}{more}. Commit them, or deploy them as they "
            "are with --allow-dirty.",
            code=2,
        )
    difference = await _git(root, env, "diff", "HEAD") or "" if changed else ""
    digest = sha256((status + difference).encode()).hexdigest()[:8]
    return Revision(head, changed, digest if changed else "")


async def _git(root: Path, env: Mapping[str, str], *words: str) -> str | None:
    """What git says; None where it fails."""
    try:
        ran = await run(["git", *words], env=env, cwd=root, seconds=_SECONDS)
    except FileNotFoundError:
        raise Stopped("git is not installed: it names what is deployed.") from None
    return ran.out.rstrip("\n") if ran.code == 0 else None
