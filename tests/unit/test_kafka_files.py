"""Apache Kafka's files and commands, without starting anything."""

from pathlib import Path

import pytest

from streams.embedded.kafka import jars, properties, secure, storage
from streams.embedded.kafka.jars import Java, jars_folder, java_major, kafka_version, require_java
from streams.embedded.kafka.properties import Layout, Node, render
from streams.embedded.kafka.secure import Secured
from streams.errors import ConfigurationError

ONE = Layout([Node(1, Path("/k/node-1"), 9092, 9093)])
THREE = Layout([Node(number, Path(f"/k/node-{number}"), 100 * number, 100 * number + 1) for number in (1, 2, 3)])


def test_one_node_is_broker_and_controller_and_replicates_nothing() -> None:
    found = ONE.of(ONE.nodes[0])
    assert found["process.roles"] == "broker,controller"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert found["log.dirs"] == "/k/node-1/log"
    assert (found["offsets.topic.replication.factor"], found["min.insync.replicas"]) == ("1", "1")
    assert found["auto.create.topics.enable"] == "false"


def test_three_nodes_know_each_other_and_keep_two_copies_in_sync() -> None:
    found = THREE.of(THREE.nodes[1])
    assert found["node.id"] == "2"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:101,2@127.0.0.1:201,3@127.0.0.1:301"
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic", "default"):
        assert found[f"{topic}.replication.factor"] == "3"
    assert (found["min.insync.replicas"], found["transaction.state.log.min.isr"]) == ("2", "2")


def test_every_listener_is_on_the_loopback_interface() -> None:
    node = Node(1, Path("/k"), 1, 2, secure_port=3)
    layout = Layout([node], secure.listener_properties(Path("/k/tls"), Secured("zelo", "secret")))
    found = layout.of(node)
    assert all("://127.0.0.1:" in listener for listener in found["listeners"].split(","))
    assert found["advertised.listeners"].endswith("SECURE://127.0.0.1:3")
    assert "SECURE:SASL_SSL" in found["listener.security.protocol.map"]
    assert found["listener.name.secure.sasl.enabled.mechanisms"] == "SCRAM-SHA-512"


def test_properties_survive_blanks_backslashes_and_letters_java_cannot_read() -> None:
    assert render({"b": "C:\\José", "a": " x\n"}) == "a=\\ x\\u000a\nb=C:\\\\Jos\\u00e9\n"
    assert render({"face": "\U0001f600"}) == "face=\\ud83d\\ude00\n"


def test_the_command_has_a_small_heap_and_our_logging() -> None:
    command = Java("/bin/java", Path("/jars"), heap_megabytes=100).command("kafka.Kafka", "file", scratch=Path("/t"))
    assert command[:2] == ["/bin/java", "-Xmx100m"]
    assert command[-4:] == ["-cp", "/jars/*", "kafka.Kafka", "file"]
    assert f"-Dlog4j2.configurationFile={jars.LOGGING}" in command
    assert jars.LOGGING.is_file()


@pytest.mark.parametrize(
    "said, major",
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
        ("no such thing", 0),
    ],
)
def test_the_version_of_java_is_read(said: str, major: int) -> None:
    assert java_major(said) == major


def test_without_java_or_maven_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def found(name: str) -> str | None:
        return {"java": str(program)}.get(name)

    program = tmp_path / "java"
    monkeypatch.setattr(jars.shutil, "which", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"needs Java 17 or newer.*found no java.*apt-get install openjdk"):
        require_java(tmp_path)
    monkeypatch.setattr(jars.shutil, "which", found)
    for version, problem in (("11.0.2", r"is 11: install"), ("17.0.1", "found no mvn: install")):
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
        program.chmod(0o755)
        with pytest.raises(ConfigurationError, match=problem):
            require_java(tmp_path)


def test_jars_that_are_there_are_not_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "java"
    program.write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setattr(jars.shutil, "which", lambda name: str(program) if name == "java" else None)
    folder = jars_folder(tmp_path)
    folder.mkdir()
    assert kafka_version() in folder.name
    assert require_java(tmp_path) == Java(str(program), folder)


def test_a_fetch_that_fails_leaves_no_folder_and_shows_what_maven_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = {"java": "echo 'openjdk version \"17.0.1\"' >&2", "mvn": "echo 'no route to the registry'; exit 1"}
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(jars.shutil, "which", lambda name: str(tmp_path / name))
    with pytest.raises(ConfigurationError, match=r"could not fetch the jars.*no route to the registry"):
        require_java(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cluster_id_is_read_back_from_the_folder(tmp_path: Path) -> None:
    assert storage.stored_cluster_id(tmp_path) is None
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("node.id=1\ncluster.id=abc\n")
    assert storage.stored_cluster_id(tmp_path) == "abc"
    (tmp_path / "log" / "meta.properties").write_text("node.id=1\n")
    with pytest.raises(ConfigurationError, match=r"expected a line cluster\.id"):
        storage.stored_cluster_id(tmp_path)
    assert len(storage.new_cluster_id()) == 22


def test_a_folder_of_another_cluster_is_refused(tmp_path: Path) -> None:
    node = Node(1, tmp_path, 1, 2)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("cluster.id=theirs\n")
    with pytest.raises(ConfigurationError, match="belongs to cluster theirs, expected ours"):
        storage.prepare(Java("java", tmp_path), Layout([node]), node, "ours")


def test_what_a_killed_process_had_unpacked_lies_in_its_own_folder_until_it_is_prepared_again(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text(
        '#!/bin/sh\nfor each in "$@"; do case $each in -Djava.io.tmpdir=*) touch "${each#*=}/lib.so";; esac; done\n'
    )
    java.chmod(0o755)
    node = Node(1, tmp_path / "node-1", 1, 2)
    storage.prepare(Java(str(java), tmp_path), Layout([node]), node, "ours")
    assert [path.name for path in storage.scratch_folder(node).iterdir()] == ["lib.so"]
    assert storage.scratch_folder(node).is_relative_to(node.folder)
    (node.folder / "log").mkdir()
    (node.folder / "log" / "meta.properties").write_text("cluster.id=ours\n")
    storage.prepare(Java(str(java), tmp_path), Layout([node]), node, "ours")
    assert not list(storage.scratch_folder(node).iterdir())


def test_the_user_is_made_while_formatting() -> None:
    assert Secured("zelo", "secret").format_arguments == ["--add-scram", "SCRAM-SHA-512=[name=zelo,password=secret]"]


def test_a_listener_for_certificates_asks_for_them_and_for_no_user() -> None:
    secured, node = Secured(client_authorities=Path("/k/clients.pem")), Node(1, Path("/k"), 1, 2, secure_port=3)
    found = Layout([node], secure.listener_properties(Path("/k/tls"), secured), secured.protocol).of(node)
    assert "SECURE:SSL" in found["listener.security.protocol.map"]
    assert found["listener.name.secure.ssl.client.auth"] == "required"
    assert found["listener.name.secure.ssl.truststore.location"] == "/k/clients.pem"
    assert not [name for name in found if "sasl" in name]
    assert secured.format_arguments == []


def test_only_one_or_three_brokers() -> None:
    from streams.embedded.kafka import ApacheKafka

    with pytest.raises(ValueError, match="must be 1 or 3"):
        ApacheKafka(Path("/k"), brokers=2)


def test_replicas_follow_the_nodes() -> None:
    assert (ONE.replicas, THREE.replicas) == (1, 3)
    assert properties.LOOPBACK == "127.0.0.1"
