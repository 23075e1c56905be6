use super::*;
use crate::client::desk::{Desk, ME, channel};
use crate::local::{Source, Upload};
use std::sync::Arc;
use thechatapp_protocol::event::{ChannelRole, MemberRow};
use thechatapp_protocol::{MessageId, Row};
use thechatapp_seal::seal;

const DAY: i64 = 24 * 60 * 60 * 1000;

struct Room {
    desk: Desk,
    workspace: Arc<Workspace>,
    place: Place,
    out: tempfile::TempDir,
}

async fn room() -> Room {
    let desk = Desk::new().await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let place = Place::of(&workspace).await.unwrap();
    Room { desk, workspace, place, out: tempfile::tempdir().unwrap() }
}

fn content(n: u8) -> Vec<u8> {
    (0..40_000_u32).map(|at| (at as u8).wrapping_mul(n)).collect()
}

impl Room {
    fn row(n: u8) -> FileRow {
        FileRow {
            id: FileId::from_bytes([n; 16]),
            name: format!("plan {n}.pdf"),
            media_type: "application/pdf".into(),
            size: 40_000,
        }
    }

    /// A message of a channel with a file, and the file as it came.
    async fn came(&mut self, n: u8, to: u8) -> FileId {
        let row = Self::row(n);
        let Row::Message(mut message) = self.desk.message(to, u64::from(n), "look") else { unreachable!() };
        message.files = vec![row.clone()];
        self.desk.take(vec![Row::Message(message)]).await;
        let key = Key::random().unwrap();
        std::fs::write(self.place.fetched(row.id), seal(&key, &self.place.context(row.id), &content(n)).unwrap())
            .unwrap();
        let id = row.id;
        keep(&self.workspace, &self.place, channel(to), row, &key).await;
        id
    }

    async fn upload(&self, to: u8, begun: Timestamp) -> FileId {
        let file = FileRow { id: FileId::from_parts(begun.unix_millis(), &[to; 10]), ..Self::row(1) };
        let source = Source { channel: channel(to), path: format!("/{to}"), size: 40_000, modified: 1 };
        let message = MessageId::from_bytes([to; 16]);
        let id = file.id;
        let upload = Upload { file, source, key: Zeroizing::new([1; 32]), message };
        self.workspace.local.begin_upload(self.workspace.id, upload).await.unwrap();
        std::fs::write(self.place.sealed(id), "sealed").unwrap();
        self.place.went_on(id, begun);
        id
    }

    fn lying(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&self.place.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What a download brings that no server answers.
    async fn offline(&self, file: FileId, range: Option<(u64, u64)>) -> Option<Vec<u8>> {
        let to = self.out.path().join("out");
        let mut told = Vec::new();
        let (place, name) = (&self.place, |_: &str| to.clone());
        let opened = open(&self.workspace, place, file, range, &name, &mut |done, of| told.push((done, of))).await;
        opened.unwrap().map(|path| {
            assert!(told.iter().all(|(done, of)| done == of) && !told.is_empty());
            std::fs::read(path).unwrap()
        })
    }
}

#[tokio::test]
async fn a_file_that_came_once_is_opened_without_the_server() {
    let mut room = room().await;
    let file = room.came(7, 1).await;
    assert_eq!(room.lying(), [format!("{file}.kept")]);
    assert!(room.desk.client.has_file(room.desk.ws, file).await.unwrap());
    let plain = content(7);
    let sealed = std::fs::read(room.place.kept(file)).unwrap();
    assert!(!sealed.windows(64).any(|part| part == &plain[..64]), "it lies there sealed");
    // The whole of it and a range, through what the shells call; nothing answers in a server's place.
    let to = room.out.path().join("plan.pdf");
    room.desk.client.download(room.desk.ws, file, None, &to, &mut |_, _| {}).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), plain);
    let saved = room.desk.client.save_file(room.desk.ws, file, room.out.path(), &mut |_, _| {}).await.unwrap();
    assert!(saved.ends_with("plan 7.pdf"));
    for (range, part) in
        [((0, 0), &plain[..1]), ((16_383, 16_384), &plain[16_383..=16_384]), ((39_999, u64::MAX), &plain[39_999..])]
    {
        assert_eq!(room.offline(file, Some(range)).await.unwrap(), part, "{range:?}");
    }
    assert!(room.desk.client.storage().await.unwrap().workspaces[0].files > 40_000);
}

#[tokio::test]
async fn a_kept_file_that_was_damaged_is_let_go_of_and_fetched_anew() {
    let mut room = room().await;
    for (n, spoil) in [(7, false), (8, true)] {
        let file = room.came(n, 1).await;
        let path = room.place.kept(file);
        let mut sealed = std::fs::read(&path).unwrap();
        if spoil {
            sealed[20_000] ^= 1;
        } else {
            sealed.truncate(30_000);
        }
        std::fs::write(&path, sealed).unwrap();
        assert_eq!(room.offline(file, None).await, None);
        assert!(room.lying().is_empty() && room.out.path().read_dir().unwrap().count() == 0);
        assert!(!room.desk.client.has_file(room.desk.ws, file).await.unwrap());
    }
}

#[tokio::test]
async fn losing_access_leaves_no_file_and_no_upload() {
    let mut room = room().await;
    let (lost, stays) = (room.came(7, 1).await, room.came(8, 2).await);
    // One of the lost channel was coming again, and another had begun.
    std::fs::write(room.place.fetched(lost), "some").unwrap();
    let now = room.workspace.now();
    room.upload(1, now).await;
    let up = room.upload(2, now).await;
    let out = MemberRow { channel: channel(1), person: ME, joined: false, role: ChannelRole::Member, change: 900 };
    room.desk.take(vec![Row::Member(out)]).await;
    let mut left = vec![format!("{stays}.kept"), format!("{up}.up")];
    left.sort();
    assert_eq!(room.lying(), left);
    assert_eq!(room.workspace.local.uploads(room.desk.ws).await.unwrap(), [(up, channel(2))]);
    assert!(room.workspace.cache.kept_file(lost).await.unwrap().is_none(), "nor what opens it");
    // It came while access was being lost.
    let key = Key::random().unwrap();
    std::fs::write(room.place.fetched(lost), seal(&key, &room.place.context(lost), &content(7)).unwrap()).unwrap();
    keep(&room.workspace, &room.place, channel(1), Room::row(7), &key).await;
    assert_eq!(room.lying(), left);
    // One may see less: nothing is known any more.
    room.workspace.cache.begin_generation(vec![2; 16], Vec::new()).await.unwrap();
    sweep(&room.workspace).await.unwrap();
    assert_eq!(room.lying(), [format!("{up}.up")], "what is under way may be to a channel that comes again");
}

#[tokio::test]
async fn a_deleted_messages_file_goes_with_it() {
    let mut room = room().await;
    room.came(7, 1).await;
    let Row::Message(mut gone) = room.desk.message(1, 7, "") else { unreachable!() };
    gone.deleted = true;
    room.desk.take(vec![Row::Message(gone)]).await;
    assert!(room.lying().is_empty());
}

#[tokio::test]
async fn what_nobody_went_on_with_is_swept_and_what_is_not_ours_is_not() {
    let mut room = room().await;
    let file = room.came(7, 1).await;
    let now = room.workspace.now();
    let (old, new) = (room.upload(1, Timestamp(now.0 - 8 * DAY)).await, room.upload(2, now).await);
    let (other, under_way) = (FileId::from_bytes([9; 16]), room.place.fetched(file));
    for path in [&under_way, &room.place.kept(other), &room.place.fetched(other), &room.place.sealed(other)] {
        std::fs::write(path, "some").unwrap();
    }
    std::fs::write(room.place.folder.join("notes.txt"), "mine").unwrap();
    sweep(&room.workspace).await.unwrap();
    let mut left = vec![format!("{file}.kept"), format!("{file}.down"), format!("{new}.up"), "notes.txt".to_owned()];
    left.sort();
    assert_eq!(room.lying(), left, "{old}");
    let long_ago = SystemTime::now() - std::time::Duration::from_millis(8 * DAY as u64);
    std::fs::File::options().append(true).open(&under_way).unwrap().set_modified(long_ago).unwrap();
    sweep(&room.workspace).await.unwrap();
    assert!(!under_way.exists());
}

#[tokio::test]
async fn an_upload_that_runs_or_went_on_lately_is_not_swept_however_old_it_is() {
    let room = room().await;
    let path = room.out.path().join("plan.pdf");
    std::fs::write(&path, content(7)).unwrap();
    let begin = || room.desk.client.upload_of(&room.workspace, &room.place, channel(1), &path);
    let (first, runs) = begin().await.unwrap();
    let (file, now) = (first.file.id, room.workspace.now());
    // By the clock that it was begun by it is a year old, as where another clock was right.
    room.place.went_on(file, Timestamp(now.0 - 365 * DAY));
    sweep(&room.workspace).await.unwrap();
    assert_eq!(room.lying(), [format!("{file}.up")]);
    drop(runs);
    // Taken up again it is new, and stays so for whoever takes it up the next time.
    let (again, runs) = begin().await.unwrap();
    assert_eq!(again.file.id, file);
    drop(runs);
    sweep(&room.workspace).await.unwrap();
    assert_eq!(room.lying(), [format!("{file}.up")]);
    room.place.went_on(file, Timestamp(now.0 - 8 * DAY));
    sweep(&room.workspace).await.unwrap();
    assert!(room.lying().is_empty());
    // One whose id is of long ago has what its bytes say for it.
    let old = room.upload(1, Timestamp(now.0 - 30 * DAY)).await;
    room.place.went_on(old, now);
    sweep(&room.workspace).await.unwrap();
    assert_eq!(room.lying(), [format!("{old}.up")]);
}

#[tokio::test]
async fn files_leave_first_and_those_first_that_nobody_wanted_for_longest() {
    let mut room = room().await;
    let files = [room.came(7, 1).await, room.came(8, 1).await, room.came(9, 1).await];
    let cache = &room.workspace.cache;
    for (file, at) in files.iter().zip([3, 1, 2]) {
        cache.forget_file(*file).await.unwrap();
        let kept = KeptFile { row: FileRow { id: *file, ..Room::row(1) }, key: Zeroizing::new([1; 32]) };
        assert!(cache.keep_file(channel(1), kept, Timestamp(at * DAY)).await.unwrap());
    }
    cache.wanted_file(files[1], Timestamp(4 * DAY)).await.unwrap();
    let used = cache.used().await.unwrap();
    let bounds = |since, bytes| crate::cache::Bounds { since, bytes };
    // Room for two of the three.
    let gone = cache.keep_within(bounds(None, Some(used.bytes + used.files - 1))).await.unwrap();
    assert_eq!((gone, cache.used().await.unwrap().messages), (0, used.messages), "no message left");
    let kept = cache.files_among(files.to_vec()).await.unwrap().1;
    assert_eq!(kept, [files[0], files[1]].into());
    cache.keep_within(bounds(Some(Timestamp(3 * DAY + 1)), None)).await.unwrap();
    assert_eq!(cache.files_among(files.to_vec()).await.unwrap().1, [files[1]].into());
    sweep(&room.workspace).await.unwrap();
    assert_eq!(room.lying(), [format!("{}.kept", files[1])]);
}
