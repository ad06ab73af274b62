"""Java and the jars of Apache Kafka: found, or fetched once by Maven, or an error that says what to install.

The jars of `pom.xml` lie in a folder of the user's cache that is named after Kafka's version and the content of the
pom, so a new pin gets a folder of its own. The folder appears complete or not at all: Maven fills one beside it,
which is then renamed.
"""

import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from streams.errors import ConfigurationError

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
LOGGING = HERE / "log4j2.properties"
CACHE = Path("~/.cache/zelo")
OLDEST_JAVA = 17
_INSTALL = (
    "install them (Debian, Ubuntu: apt-get install openjdk-17-jre-headless maven; macOS: brew install openjdk maven)"
)
_JAVA_SECONDS, _MAVEN_SECONDS = 30, 900


@dataclass(frozen=True)
class Java:
    """A Java that can run Kafka, and Kafka's jars.

    Attributes:
        program: path of `java`.
        jars: folder of the jars.
        heap_megabytes: largest heap of one process.
    """

    program: str
    jars: Path
    heap_megabytes: int = 384

    def command(self, main: str, *arguments: str, scratch: Path) -> list[str]:
        """Runs a main class of Kafka.

        Args:
            main: the class.
            arguments: of it.
            scratch: an existing folder for what it unpacks, which a process that is killed leaves behind.

        Short-lived and small matter more than peak speed here: the serial collector and the quick compiler start a
        broker in half the time and half the memory.
        """
        return [
            self.program,
            f"-Xmx{self.heap_megabytes}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={LOGGING}",
            f"-Djava.io.tmpdir={scratch}",
            "-cp",
            f"{self.jars}/*",
            main,
            *arguments,
        ]


def kafka_version() -> str:
    """The version of Apache Kafka that the pom pins."""
    found = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text())
    assert found is not None
    return found[1]


def jars_folder(cache: Path = CACHE) -> Path:
    """Where the jars of this pom belong."""
    content = hashlib.sha256(POM.read_bytes()).hexdigest()[:8]
    return cache.expanduser() / f"kafka-{kafka_version()}-{content}"


def require_java(cache: Path = CACHE) -> Java:
    """Java and the jars, fetched if they are not there yet (45 MB, a minute).

    Raises:
        ConfigurationError: Java is missing or too old, Maven is missing, or it could not fetch the jars.
    """
    program = shutil.which("java")
    if program is None:
        raise ConfigurationError(f"Apache Kafka needs Java {OLDEST_JAVA} or newer and Maven, found no java: {_INSTALL}")
    asked = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=_JAVA_SECONDS, check=False)  # noqa: S603
    if (major := java_major(asked.stderr)) < OLDEST_JAVA:
        raise ConfigurationError(
            f"Apache Kafka needs Java {OLDEST_JAVA} or newer, {program} is {major or asked.stderr.strip()}: {_INSTALL}"
        )
    folder = jars_folder(cache)
    if not folder.is_dir():
        _fetch(folder)
    return Java(program, folder)


def java_major(version: str) -> int:
    """The major version in what `java -version` says; 0 if it says none.

    Example:
        >>> java_major('openjdk version "17.0.15" 2025-04-15'), java_major('java version "1.8.0_40"')
        (17, 8)
    """
    found = re.search(r'version "(?:1\.)?(\d+)', version)
    return int(found[1]) if found else 0


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError(f"the jars of Apache Kafka are fetched by Maven once, found no mvn: {_INSTALL}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        filled = Path(beside) / "jars"
        # checksums are strict: what is fetched is what was published
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={filled}"]
        command = [maven, "-q", "-B", "--strict-checksums", "-f", str(POM), *goal]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MAVEN_SECONDS, check=False)  # noqa: S603
        if done.returncode != 0 or not filled.is_dir():
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise ConfigurationError(f"Maven could not fetch the jars of Apache Kafka {kafka_version()}: {said}")
        try:
            filled.rename(folder)
        except OSError:
            if not folder.is_dir():  # somebody else was faster
                raise
