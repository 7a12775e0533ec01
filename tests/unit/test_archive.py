"""Archives and trees of outputs: whole, faithful, harmless, or not there at all."""

import os
import resource
import shutil
import subprocess
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelet.store.archive import clashes, copy_tree, link_or_copy, pack, point, unpack, walk


@pytest.fixture
def tree(tmp_path):
    """A folder with one of everything a script may leave."""
    folder = tmp_path / "tree"
    (folder / "000000001" / "variables").mkdir(parents=True)
    (folder / "000000001" / "empty").mkdir()
    (folder / "000000001" / "saved_model.pb").write_bytes(os.urandom(100_000))
    (folder / "000000001" / "variables" / "größe ü 数.bin").write_bytes(b"\0" * 3_000_000)
    (folder / "nothing").touch()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("000000001")
    (folder / "broken").symlink_to("nowhere")
    (folder / ("long" * 60)).write_text("x")
    os.utime(folder / "run.sh", (1e9, 1e9))
    return folder


def look(folder):
    """Everything in a folder: kind, mode, content."""
    found = {}
    for path in walk(folder):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder",)
        else:
            found[name] = (path.stat().st_mode & 0o777, path.read_bytes())
    return found


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fill(folder, **files):
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_tree_comes_back_as_it_was(tree, tmp_path):
    size = pack([tree], tmp_path / "deep" / "model.tar.gz")
    assert size == (tmp_path / "deep" / "model.tar.gz").stat().st_size
    unpack(tmp_path / "deep" / "model.tar.gz", tmp_path / "back")
    assert look(tmp_path / "back") == look(tree)
    assert (tmp_path / "back" / "run.sh").stat().st_mtime == 1e9


def test_tar_reads_it_too(tree, tmp_path):
    pack([tree], tmp_path / "a.tar.gz")
    (tmp_path / "back").mkdir()
    told = subprocess.run(
        ["tar", "-xzf", tmp_path / "a.tar.gz", "-C", tmp_path / "back"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (told.stdout, told.stderr) == ("", "")
    assert look(tmp_path / "back") == look(tree)


def test_members_lie_at_the_root_and_belong_to_nobody_here(tree, tmp_path):
    pack([tree], tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        members = tar.getmembers()
    assert {member.name for member in members} == set(look(tree))
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}


@pytest.mark.parametrize("folders", [[], ["empty"], ["missing"]])
def test_nothing_makes_an_empty_archive(tmp_path, folders):
    (tmp_path / "empty").mkdir()
    pack([tmp_path / folder for folder in folders], tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert tar.getnames() == []


def test_names_that_are_no_text_survive(tmp_path):
    folder = fill(tmp_path / "tree")
    (folder / os.fsdecode(b"\xff.bin")).write_text("x")
    pack([folder], tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "back")
    assert names(tmp_path / "back") == [os.fsdecode(b"\xff.bin")]


def test_hard_links_are_kept_once(tmp_path):
    folder = fill(tmp_path / "tree", a="x" * 1000)
    os.link(folder / "a", folder / "b")
    pack([folder], tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "back")
    assert look(tmp_path / "back") == look(folder)


def test_sockets_and_pipes_are_left_out(tmp_path):
    folder = fill(tmp_path / "tree", a="x")
    os.mkfifo(folder / "pipe")
    pack([folder], tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert tar.getnames() == ["a"]
    copy_tree([folder], tmp_path / "copy")
    assert set(look(tmp_path / "copy")) == {"a"}


def test_progress_counts_the_bytes_read(tree, tmp_path):
    told = []
    pack([tree], tmp_path / "a.tar.gz", told.append)
    assert told == sorted(told)
    assert told[-1] == sum(
        p.lstat().st_size for p in walk(tree) if p.is_file() and not p.is_symlink()
    )


def packed(folders, place):
    pack(folders, place / "a.tar.gz")
    unpack(place / "a.tar.gz", place / "back")
    return place / "back"


def copied(folders, place):
    copy_tree(folders, place / "back")
    return place / "back"


both = pytest.mark.parametrize("merge", [packed, copied])


@both
def test_the_first_folder_wins(merge, tmp_path):
    one, two = fill(tmp_path / "one", a="1", b="1"), fill(tmp_path / "two", b="2", c="2")
    found = merge([one, two], tmp_path)
    assert {p.name: p.read_text() for p in walk(found)} == {"a": "1", "b": "1", "c": "2"}


@both
def test_folders_of_the_same_name_are_merged(merge, tmp_path):
    one, two = fill(tmp_path / "one"), fill(tmp_path / "two")
    fill(one / "d", a="1")
    fill(two / "d", b="2")
    assert set(look(merge([one, two], tmp_path))) == {"d", "d/a", "d/b"}


@both
def test_nothing_comes_below_a_file_that_won(merge, tmp_path):
    one, two = fill(tmp_path / "one", x="file"), fill(tmp_path / "two")
    fill(fill(two / "x") / "deep", y="2")
    assert set(look(merge([one, two], tmp_path))) == {"x"}
    shutil.rmtree(tmp_path / "back")
    assert set(look(merge([two, one], tmp_path))) == {"x", "x/deep", "x/deep/y"}


@both
def test_nothing_is_written_through_a_link_that_won(merge, tmp_path):
    outside = fill(tmp_path / "outside")
    one, two = fill(tmp_path / "one"), fill(tmp_path / "two")
    (one / "x").symlink_to("../outside")
    fill(two / "x", y="2")
    if merge is packed:
        pack([one, two], tmp_path / "a.tar.gz")
        with tarfile.open(tmp_path / "a.tar.gz") as tar:
            assert tar.getnames() == ["x"]
    else:
        assert set(look(merge([one, two], tmp_path))) == {"x"}
    assert look(outside) == {}


NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.one_of(st.binary(max_size=3), st.none()),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
).filter(lambda tree: isinstance(tree, dict))


def plant(folder, tree):
    folder.mkdir()
    for name, below in tree.items():
        if isinstance(below, dict):
            plant(folder / name, below)
        elif below is None:
            (folder / name).symlink_to("a")
        else:
            (folder / name).write_bytes(below)


def merged(one, two):
    """The meaning of merging: folders merge, else the first one's stays."""
    both = {name: merged(one[name], two[name]) for name in one.keys() & two.keys()
            if isinstance(one[name], dict) and isinstance(two[name], dict)}  # fmt: skip
    return {**two, **one, **both}


def leaves(tree, at):
    for name, below in tree.items():
        if isinstance(below, dict):
            yield from leaves(below, f"{at}/{name}")
        else:
            yield f"{at}/{name}"


def lost(one, two, at=""):
    """What of the second tree has no place beside the first."""
    for name, below in two.items():
        if name not in one:
            continue
        if isinstance(below, dict) and isinstance(one[name], dict):
            yield from lost(one[name], below, f"{at}/{name}")
            continue
        yield f"{at}/{name}"
        if isinstance(below, dict):
            yield from leaves(below, f"{at}/{name}")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, TREES)
def test_any_two_trees_merge(tmp_path_factory, one, two):
    place = tmp_path_factory.mktemp("merge")
    plant(place / "one", one)
    plant(place / "two", two)
    plant(place / "expected", merged(one, two))
    pack([place / "one", place / "two"], place / "a.tar.gz")
    unpack(place / "a.tar.gz", place / "back")
    copy_tree([place / "one", place / "two"], place / "copy")
    assert look(place / "back") == look(place / "copy") == look(place / "expected")
    left_out = clashes([place / "one", place / "two"])
    assert {folder for folder, _ in left_out} <= {place / "two"}
    assert sorted(f"/{name}" for _, name in left_out) == sorted(lost(one, two))


@pytest.fixture
def small_disk():
    """Files may not grow beyond 100 kB, as on a disk that is almost full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def big(tmp_path):
    folder = fill(tmp_path / "tree")
    (folder / "a").write_bytes(os.urandom(8_000_000))
    return folder


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_no_archive(tmp_path):
    folder = fill(tmp_path / "tree")
    for number in range(100):
        (folder / str(number)).write_bytes(os.urandom(90_000))
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError):
        pack([folder], tmp_path / "out" / "a.tar.gz")
    assert names(tmp_path / "out") == []


def test_a_full_disk_leaves_the_earlier_archive(big, tmp_path, request):
    pack([fill(tmp_path / "small", a="1")], tmp_path / "a.tar.gz")
    before = (tmp_path / "a.tar.gz").read_bytes()
    request.getfixturevalue("small_disk")
    with pytest.raises(OSError):
        pack([big], tmp_path / "a.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == before
    assert names(tmp_path) == ["a.tar.gz", "small", "tree"]


def test_a_full_disk_leaves_no_copy(big, tmp_path, request):
    (tmp_path / "out").mkdir()
    request.getfixturevalue("small_disk")
    with pytest.raises(OSError):
        copy_tree([big], tmp_path / "out" / "model")
    assert names(tmp_path / "out") == []


def test_what_cannot_be_read_is_never_left_out_silently(unprivileged):
    folder = fill(unprivileged / "tree", readable="x")
    fill(folder / "locked", weights="x")
    (folder / "locked").chmod(0)
    with pytest.raises(PermissionError):
        pack([folder], unprivileged / "a.tar.gz")
    with pytest.raises(PermissionError):
        copy_tree([folder], unprivileged / "copy")
    assert names(unprivileged) == ["tree"]


def test_a_file_that_cannot_be_read_leaves_no_archive(unprivileged):
    folder = fill(unprivileged / "tree", a="x" * 1000, b="x")
    (folder / "b").chmod(0)
    with pytest.raises(PermissionError):
        pack([folder], unprivileged / "a.tar.gz")
    assert names(unprivileged) == ["tree"]


def test_a_target_that_cannot_be_is_an_error(tmp_path):
    folder = fill(tmp_path / "tree", a="x")
    with pytest.raises(OSError):
        pack([folder], tmp_path / "tree" / "a" / "model.tar.gz")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        pack([folder], tmp_path / "taken")
    assert names(tmp_path) == ["taken", "tree"]


def evil(name, **members):
    info = tarfile.TarInfo(name)
    for key, value in members.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    "member",
    [
        evil("../outside"),
        evil("a/../../outside"),
        evil("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        evil("link", type=tarfile.SYMTYPE, linkname="../../outside"),
        evil("link", type=tarfile.LNKTYPE, linkname="../outside"),
        evil("device", type=tarfile.CHRTYPE),
    ],
    ids=["parent", "middle", "absolute link", "relative link", "hard link", "device"],
)
def test_unpacking_writes_nothing_outside(tmp_path, member):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(member)
    with pytest.raises(tarfile.TarError):
        unpack(tmp_path / "a.tar", tmp_path / "back")
    assert names(tmp_path) in (["a.tar"], ["a.tar", "back"])
    assert look(tmp_path / "back") in ({}, {"a": ("folder",)})


def test_links_nested_too_deeply_for_the_disk_to_follow_lead_nowhere(tmp_path):
    """Of such a path tarfile's own filter sees the beginning only."""
    long, steps, path = "d" * 247, "abcdefghijklmnop", ""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for step in steps:
            tar.addfile(evil(path + long, type=tarfile.DIRTYPE))
            tar.addfile(evil(path + step, type=tarfile.SYMTYPE, linkname=long))
            path += long + "/"
        deep = "/".join(steps) + "/" + "l" * 254
        tar.addfile(evil(deep, type=tarfile.SYMTYPE, linkname="../" * len(steps)))
        tar.addfile(evil("way", type=tarfile.SYMTYPE, linkname=deep + "/../../outside"))
        tar.addfile(evil("way/file"))
    with pytest.raises(tarfile.FilterError):
        unpack(tmp_path / "a.tar", tmp_path / "back")
    assert names(tmp_path) == ["a.tar", "back"]


@pytest.mark.parametrize(
    "members",
    [
        [evil("l", type=tarfile.SYMTYPE, linkname="a"), evil("l/file")],
        [
            evil("l", type=tarfile.SYMTYPE, linkname="a"),
            evil("h", type=tarfile.LNKTYPE, linkname="l/file"),
        ],
        [evil("l", type=tarfile.SYMTYPE, linkname="a/../b")],
    ],
    ids=["file by a link", "hard link by a link", "link out of a link"],
)
def test_nothing_is_unpacked_by_way_of_a_link(tmp_path, members):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(evil("a", type=tarfile.DIRTYPE, mode=0o755))
        for member in members:
            tar.addfile(member)
    with pytest.raises(tarfile.FilterError):
        unpack(tmp_path / "a.tar", tmp_path / "back")


def test_links_inside_are_unpacked(tmp_path):
    fill(tmp_path / "tree", file="x")
    (tmp_path / "tree" / "a").mkdir()
    (tmp_path / "tree" / "a" / "up").symlink_to("../file")
    (tmp_path / "tree" / "down").symlink_to("a")
    os.link(tmp_path / "tree" / "file", tmp_path / "tree" / "same")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "tree", ".")
    unpack(tmp_path / "a.tar", tmp_path / "back")
    assert look(tmp_path / "back") == look(tmp_path / "tree")


def test_links_to_each_other_are_unpacked(tmp_path):
    (tmp_path / "tree").mkdir()
    for name, to in (("a", "b"), ("b", "a"), ("self", "self")):
        (tmp_path / "tree" / name).symlink_to(to)
    pack([tmp_path / "tree"], tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "back")
    assert look(tmp_path / "back") == look(tmp_path / "tree")


def test_unpacking_leaves_room_on_the_disk(tmp_path):
    fill(tmp_path / "tree")
    (tmp_path / "tree" / "zeros").write_bytes(bytes(20 << 20))
    pack([tmp_path / "tree"], tmp_path / "a.tar.gz")
    with pytest.raises(OSError, match="No space left"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "back", keep_free=1 << 60)
    assert look(tmp_path / "back") == {}


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"hello")
    with pytest.raises(tarfile.TarError):
        unpack(tmp_path / "a.tar.gz", tmp_path / "back")


def test_a_copy_replaces_the_earlier_one(tree, tmp_path):
    fill(tmp_path / "copy", stale="x")
    size = copy_tree([tree], tmp_path / "copy")
    assert look(tmp_path / "copy") == look(tree)
    assert size == sum(p.lstat().st_size for p in walk(tree) if p.is_symlink() or p.is_file())


def test_a_file_is_linked_in_place_of_the_earlier_one(tmp_path):
    fill(tmp_path / "a", x="new")
    (tmp_path / "target").write_text("old")
    link_or_copy(tmp_path / "a" / "x", tmp_path / "target")
    assert (tmp_path / "target").read_text() == "new"
    assert (tmp_path / "target").samefile(tmp_path / "a" / "x")


def test_a_tree_is_linked_in_place_of_the_earlier_one(tree, tmp_path):
    fill(tmp_path / "target", stale="x")
    link_or_copy(tree, tmp_path / "target")
    assert look(tmp_path / "target") == look(tree)
    assert (tmp_path / "target" / "run.sh").samefile(tree / "run.sh")


def test_a_link_that_fails_leaves_nothing(tmp_path):
    fill(tmp_path / "tree", a="x")
    fill(tmp_path / "target", keep="x")
    with pytest.raises(OSError):
        link_or_copy(tmp_path / "tree" / "a", tmp_path / "target")  # a file over a folder
    with pytest.raises(OSError):
        link_or_copy(tmp_path / "missing", tmp_path / "new")
    assert names(tmp_path) == ["target", "tree"]
    assert set(look(tmp_path / "target")) == {"keep"}


def test_pointing_replaces_the_earlier_link(tmp_path):
    fill(tmp_path / "1", a="1")
    fill(tmp_path / "2", a="2")
    point(tmp_path / "latest", "1")
    point(tmp_path / "latest", "2")
    assert (tmp_path / "latest" / "a").read_text() == "2"
    assert str((tmp_path / "latest").readlink()) == "2"
    assert names(tmp_path) == ["1", "2", "latest"]
