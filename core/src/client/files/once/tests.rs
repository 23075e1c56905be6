use super::super::Place;
use super::super::arriving::Arriving;
use super::super::here::sweep;
use super::*;
use crate::client::desk::{Desk, channel};
use crate::sync::Workspace;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{FileId, Row};
use thechatapp_seal::seal;

/// A file of a message on this device, as its server has it.
struct Large {
    desk: Desk,
    workspace: Arc<Workspace>,
    place: Place,
    row: FileRow,
    key: Key,
    sealed: Vec<u8>,
    plain: Vec<u8>,
    out: tempfile::TempDir,
}

async fn large(size: usize) -> Large {
    let mut desk = Desk::new().await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let place = Place::of(&workspace).await.unwrap();
    let id = FileId::from_bytes([2; 16]);
    let row = FileRow { id, name: "film.mkv".into(), media_type: "video/x-matroska".into(), size: size as u64 };
    let Row::Message(mut message) = desk.message(1, 1, "look") else { unreachable!() };
    message.files = vec![row.clone()];
    desk.take(vec![Row::Message(message)]).await;
    let key = Key::random().unwrap();
    let plain: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
    let sealed = seal(&key, &place.context(id), &plain).unwrap();
    Large { desk, workspace, place, row, key, sealed, plain, out: tempfile::tempdir().unwrap() }
}

impl Large {
    fn to(&self) -> PathBuf {
        self.out.path().join("film.mkv")
    }

    fn part(&self) -> PathBuf {
        Beside::names(&self.to()).next().unwrap()
    }

    async fn begin_at(&self, to: PathBuf) -> Option<Arriving> {
        Arriving::once(&self.workspace.local, &self.place, &self.row, self.key.clone(), to).await.unwrap()
    }

    async fn begin(&self) -> Arriving {
        self.begin_at(self.to()).await.unwrap()
    }

    /// Takes what comes up to a place, and ends.
    async fn until(&self, mut coming: Arriving, end: usize) -> Result<()> {
        for piece in self.sealed[coming.here() as usize..end].chunks(7_000) {
            coming.take(Bytes::copy_from_slice(piece)).await?;
        }
        coming.end().await
    }

    async fn all(&self, coming: Arriving) {
        self.until(coming, self.sealed.len()).await.unwrap();
        assert!(std::fs::read(self.to()).unwrap() == self.plain);
        assert_eq!((names(self.out.path()), names(&self.place.folder)), (vec!["film.mkv".to_owned()], vec![]));
    }

    /// An attempt that got so far.
    async fn broke_off(&self, end: usize) {
        self.until(self.begin().await, end).await.unwrap_err();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The sealed bytes before a chunk.
fn at(chunk: usize) -> usize {
    HEADER + chunk * SEALED_CHUNK
}

#[tokio::test]
async fn a_large_file_goes_on_where_it_broke_off_and_its_sealed_bytes_lie_nowhere() {
    for size in [0, 1, CHUNK, CHUNK + 1, 50_000] {
        let file = large(size).await;
        let mut begin = 0;
        for end in [0, 10, file.sealed.len() / 2, file.sealed.len() - 1] {
            let coming = file.begin().await;
            assert_eq!(coming.here() as usize, begin, "{size}");
            file.until(coming, end.max(begin)).await.unwrap_err();
            assert_eq!(names(file.out.path()), ["film.mkv.part"], "nothing is in its place before it is whole");
            assert_eq!(names(&file.place.folder), [format!("{}.tags", file.row.id)]);
            let chunks = end.max(begin).saturating_sub(HEADER) / SEALED_CHUNK;
            begin = if chunks == 0 { 0 } else { at(chunks) };
        }
        file.all(file.begin().await).await;
    }
}

#[tokio::test]
async fn what_lies_there_is_believed_as_far_as_it_proves_genuine() {
    let file = large(100_000).await;
    let tags = file.place.tags(file.row.id);
    let flip = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let cut = |path: &Path, length: u64| File::options().write(true).open(path).unwrap().set_len(length).unwrap();
    let changes: [(&dyn Fn(), usize); 8] = [
        (&|| {}, at(4)),
        (&|| flip(&file.part(), 3 * CHUNK + 5), at(3)),
        (&|| flip(&tags, HEADER + TAG), at(1)),
        (&|| flip(&tags, 3), 0),
        (&|| cut(&file.part(), 2 * CHUNK as u64 + 9), at(2)),
        (&|| cut(&tags, (HEADER + 3 * TAG + 1) as u64), at(3)),
        (&|| std::fs::remove_file(&tags).unwrap(), 0),
        (&|| std::fs::remove_file(file.part()).unwrap(), 0),
    ];
    for (number, (change, here)) in changes.into_iter().enumerate() {
        file.broke_off(at(4) + 100).await;
        change();
        let coming = file.begin().await;
        assert_eq!(coming.here() as usize, here, "{number}");
        file.all(coming).await;
    }
}

#[tokio::test]
async fn what_lies_beside_the_place_and_is_not_ours_is_left_as_it_is() {
    let file = large(50_000).await;
    std::fs::write(file.part(), "theirs").unwrap();
    let coming = file.begin().await;
    assert_eq!(coming.here(), 0);
    file.until(coming, file.sealed.len()).await.unwrap();
    assert!(std::fs::read(file.to()).unwrap() == file.plain);
    assert_eq!(names(file.out.path()), ["film.mkv", "film.mkv.part"]);
    assert_eq!(std::fs::read(file.part()).unwrap(), b"theirs");
    std::fs::remove_file(file.part()).unwrap();
    // The same where ours lay before: taken away, given another name, with another file or a link in its place.
    let away = file.out.path().join("away");
    let links: [&dyn Fn(); 2] = [&|| std::fs::write(file.part(), "theirs").unwrap(), &|| {
        #[cfg(unix)]
        std::os::unix::fs::symlink(&away, file.part()).unwrap();
    }];
    for put in links {
        file.broke_off(at(2)).await;
        std::fs::rename(file.part(), &away).unwrap();
        put();
        let (before, theirs) = (std::fs::read(&away).unwrap(), std::fs::read(file.part()).ok());
        let coming = file.begin().await;
        assert_eq!(coming.here(), 0);
        file.until(coming, file.sealed.len()).await.unwrap();
        assert!(std::fs::read(file.to()).unwrap() == file.plain && !file.to().is_symlink());
        assert_eq!((std::fs::read(&away).unwrap(), std::fs::read(file.part()).ok()), (before, theirs));
        let _ = std::fs::remove_file(file.part());
        file.workspace.local.drop_download(file.desk.ws, file.row.id).await.unwrap();
    }
}

#[tokio::test]
async fn two_on_their_way_to_one_place_do_not_write_into_each_other() {
    let file = large(50_000).await;
    let mut first = file.begin().await;
    first.take(Bytes::copy_from_slice(&file.sealed[..at(2)])).await.unwrap();
    // Another file, and the same once more.
    let mut other = Beside::new(file.to()).unwrap();
    other.write_all(b"another film").unwrap();
    assert!(file.begin_at(file.to()).await.is_none());
    let again = Arriving::begin(&file.place, &file.row, file.key.clone(), file.to()).await.unwrap();
    other.place().unwrap();
    assert_eq!(std::fs::read(file.to()).unwrap(), b"another film");
    file.until(again, file.sealed.len()).await.unwrap();
    assert!(std::fs::read(file.to()).unwrap() == file.plain);
    std::fs::remove_file(file.to()).unwrap();
    std::fs::remove_file(file.place.fetched(file.row.id)).unwrap();
    file.all(first).await;
}

#[tokio::test]
async fn what_is_given_up_goes_when_its_disk_is_there_and_nothing_else_of_its_name_does() {
    let file = large(50_000).await;
    let rows = async || file.workspace.local.downloads(file.desk.ws).await.unwrap().len();
    let tags = file.place.tags(file.row.id);
    let (disk, away) = (file.out.path().join("disk"), file.out.path().join("away"));
    std::fs::create_dir(&disk).unwrap();
    let on_disk = async || {
        file.until(file.begin_at(disk.join("film.mkv")).await.unwrap(), at(2)).await.unwrap_err();
    };
    // Nobody can go on with it once its tags are gone.
    on_disk().await;
    std::fs::remove_file(&tags).unwrap();
    std::fs::rename(&disk, &away).unwrap();
    sweep(&file.workspace).await.unwrap();
    assert_eq!((rows().await, names(&away)), (1, vec!["film.mkv.part".to_owned()]), "its disk is not there");
    std::fs::rename(&away, &disk).unwrap();
    sweep(&file.workspace).await.unwrap();
    assert_eq!((rows().await, names(&disk)), (0, vec![]));
    // Another file has its name by now.
    on_disk().await;
    let part = disk.join("film.mkv.part");
    std::fs::rename(&part, &away).unwrap();
    std::fs::write(&part, "theirs").unwrap();
    std::fs::remove_file(&tags).unwrap();
    sweep(&file.workspace).await.unwrap();
    assert_eq!((rows().await, std::fs::read(&part).unwrap()), (0, b"theirs".to_vec()));
}

#[tokio::test]
async fn what_is_not_genuine_leaves_what_stood_there_and_nothing_else() {
    let mut file = large(50_000).await;
    std::fs::write(file.to(), "before").unwrap();
    file.broke_off(at(1)).await;
    file.sealed[40_000] ^= 1;
    let why = file.until(file.begin().await, file.sealed.len()).await.unwrap_err();
    assert!(matches!(why, Error::NotGenuine { .. }), "{why:?}");
    assert_eq!(std::fs::read(file.to()).unwrap(), b"before");
    assert_eq!((names(file.out.path()), names(&file.place.folder)), (vec!["film.mkv".to_owned()], vec![]));
    file.sealed[40_000] ^= 1;
    let coming = file.begin().await;
    assert_eq!(coming.here(), 0);
    file.all(coming).await;
}

#[tokio::test]
async fn a_shorter_file_in_its_place_is_not_taken_for_it() {
    let mut file = large(3 * CHUNK).await;
    file.sealed.truncate(at(3));
    file.row.size = 3 * CHUNK as u64 - 16;
    assert!(matches!(file.until(file.begin().await, at(3)).await, Err(Error::NotGenuine { .. })));
    assert_eq!(names(file.out.path()).len(), 0);
}

#[tokio::test]
async fn what_came_goes_along_to_another_place() {
    let file = large(50_000).await;
    let elsewhere = file.out.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    file.until(file.begin_at(elsewhere.join("other.mkv")).await.unwrap(), at(2)).await.unwrap_err();
    assert_eq!(names(&elsewhere), ["other.mkv.part"]);
    let coming = file.begin().await;
    assert_eq!((coming.here() as usize, names(&elsewhere)), (at(2), vec![]));
    std::fs::remove_dir(&elsewhere).unwrap();
    file.all(coming).await;
}

#[tokio::test]
async fn one_transfer_writes_it_and_another_is_told_so() {
    let file = large(50_000).await;
    let first = file.begin().await;
    assert!(file.begin_at(file.out.path().join("again.mkv")).await.is_none());
    sweep(&file.workspace).await.unwrap();
    file.all(first).await;
}

#[tokio::test]
async fn what_nobody_went_on_with_goes_from_beside_its_place_too() {
    let mut file = large(50_000).await;
    file.broke_off(at(2)).await;
    sweep(&file.workspace).await.unwrap();
    assert_eq!(names(file.out.path()), ["film.mkv.part"]);
    let tags = file.place.tags(file.row.id);
    let long_ago = SystemTime::now() - Duration::from_secs(8 * 24 * 60 * 60);
    File::options().append(true).open(&tags).unwrap().set_modified(long_ago).unwrap();
    sweep(&file.workspace).await.unwrap();
    assert_eq!((names(file.out.path()), names(&file.place.folder)), (vec![], vec![]));
    assert!(file.workspace.local.downloads(file.desk.ws).await.unwrap().is_empty());
    // With its message it goes at once.
    file.broke_off(at(2)).await;
    let Row::Message(mut gone) = file.desk.message(1, 1, "") else { unreachable!() };
    (gone.deleted, gone.channel) = (true, channel(1));
    file.desk.take(vec![Row::Message(gone)]).await;
    sweep(&file.workspace).await.unwrap();
    assert_eq!((names(file.out.path()), names(&file.place.folder)), (vec![], vec![]));
    // Tags of which nothing is known.
    std::fs::write(&tags, "some").unwrap();
    sweep(&file.workspace).await.unwrap();
    assert_eq!(names(&file.place.folder).len(), 0);
}
