use super::arriving::{Arriving, sealed_range};
use super::*;
use bytes::Bytes;
use thechatapp_seal::{seal, sealed_len};

#[test]
fn a_range_needs_its_chunks_and_its_end_proved_only_at_the_end() {
    let at = |chunk: u64| 56 + chunk * 16_400;
    let (size, total) = (100_000, sealed_len(100_000));
    assert_eq!(sealed_range((0, 0), size).unwrap(), (at(0), at(1)));
    assert_eq!(sealed_range((16_384, 40_000), size).unwrap(), (at(1), at(3)));
    // The range reaches into the last chunk, or past the end.
    assert_eq!(sealed_range((99_000, 99_001), size).unwrap(), (at(6), total));
    assert_eq!(sealed_range((99_999, u64::MAX), size).unwrap(), (at(6), total));
    // A length of whole chunks ends with an empty one.
    assert_eq!(sealed_range((0, 16_382), 16_384).unwrap(), (at(0), at(1)));
    assert_eq!(sealed_range((0, 16_383), 16_384).unwrap(), (at(0), sealed_len(16_384)));
    for outside in [(5, 4), (100_000, 100_001), (u64::MAX, u64::MAX)] {
        assert!(sealed_range(outside, size).is_err(), "{outside:?}");
    }
    assert!(sealed_range((0, 0), 0).is_err());
}

/// Fetches a range from sealed bytes, in pieces.
async fn fetch_range(file: &Arrival, size: u64, range: (u64, u64)) -> Result<()> {
    let row = FileRow { size, ..file.row.clone() };
    let header = file.sealed[..56].to_vec();
    let mut coming = Arriving::part(&file.place, &row, (file.key.clone(), Some(header)), range, file.to())?;
    let (begin, end) = coming.wanted();
    for piece in file.sealed[begin as usize..end as usize].chunks(5_000) {
        coming.take(Bytes::copy_from_slice(piece)).await?;
    }
    coming.end().await
}

#[tokio::test]
async fn a_range_opens_while_it_comes() {
    for size in [1_u64, 16_383, 16_384, 16_385, 32_768, 50_000] {
        let file = arrival(size as usize);
        for (first, last) in [(0, 0), (0, u64::MAX), (size / 2, size - 1), (size - 1, size), (size / 3, size / 2)] {
            fetch_range(&file, size, (first, last)).await.unwrap();
            let end = (last.saturating_add(1)).min(size) as usize;
            assert_eq!(std::fs::read(file.to()).unwrap(), &file.plain[first as usize..end], "{size} {first}-{last}");
        }
        assert_eq!((file.beside(), file.place.folder.read_dir().unwrap().count()), (1, 0));
    }
}

#[tokio::test]
async fn a_range_is_right_or_not_there() {
    let mut file = arrival(50_000);
    // A file that is longer than said: what is asked for as its end is not its end.
    assert!(matches!(fetch_range(&file, 32_768, (10, u64::MAX)).await, Err(Error::NotGenuine { .. })));
    // A chunk in another's place, and a flipped bit.
    let (first, second) = (file.sealed[56..16_456].to_vec(), file.sealed[16_456..32_856].to_vec());
    file.sealed[56..16_456].copy_from_slice(&second);
    assert!(matches!(fetch_range(&file, 50_000, (10, 20)).await, Err(Error::NotGenuine { .. })));
    file.sealed[56..16_456].copy_from_slice(&first);
    file.sealed[20_000] ^= 1;
    assert!(matches!(fetch_range(&file, 50_000, (10, 20_000)).await, Err(Error::NotGenuine { .. })));
    assert_eq!(file.beside(), 0, "nothing is left of what was not right");
    // The damage is beside the range.
    fetch_range(&file, 50_000, (10, 20)).await.unwrap();
    // Without a header, or with another file's, nothing opens.
    for header in [None, Some(vec![]), Some(vec![1; 56])] {
        let coming = Arriving::part(&file.place, &file.row, (file.key.clone(), header), (10, 20), file.to());
        let opened = match coming {
            Ok(mut coming) => match coming.take(Bytes::copy_from_slice(&first)).await {
                Ok(()) => coming.end().await,
                Err(why) => Err(why),
            },
            Err(why) => Err(why),
        };
        assert!(matches!(opened, Err(Error::NotGenuine { .. })), "{opened:?}");
    }
}

struct Arrival {
    folder: tempfile::TempDir,
    place: Place,
    row: FileRow,
    key: Key,
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

fn arrival(size: usize) -> Arrival {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { folder: folder.path().join("sealed"), workspace: WorkspaceId::from_bytes([1; 16]) };
    std::fs::create_dir(&place.folder).unwrap();
    let id = FileId::from_bytes([2; 16]);
    let row = FileRow { id, name: "plan.pdf".into(), media_type: "application/pdf".into(), size: size as u64 };
    let key = Key::random().unwrap();
    let plain: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
    let sealed = seal(&key, &place.context(id), &plain).unwrap();
    Arrival { folder, place, row, key, sealed, plain }
}

impl Arrival {
    fn to(&self) -> PathBuf {
        self.folder.path().join("plan.pdf")
    }

    async fn begin(&self) -> Arriving {
        Arriving::begin(&self.place, &self.row, self.key.clone(), self.to()).await.unwrap()
    }

    /// What lies beside the folder of sealed bytes.
    fn beside(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count() - 1
    }
}

#[tokio::test]
async fn a_file_opens_while_it_comes_and_goes_on_where_it_broke_off() {
    for size in [0, 1, 16_384, 50_000] {
        let file = arrival(size);
        for (begin, end) in [(0, file.sealed.len() / 3), (file.sealed.len() / 3, file.sealed.len())] {
            let mut arriving = file.begin().await;
            assert_eq!(arriving.here() as usize, begin, "{size}");
            for piece in file.sealed[begin..end].chunks(7_000) {
                arriving.take(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            let done = arriving.end().await;
            assert_eq!(done.is_ok(), end == file.sealed.len(), "{size} {done:?}");
            assert_eq!(file.to().exists(), done.is_ok(), "nothing is in its place before it is whole");
        }
        assert_eq!(std::fs::read(file.to()).unwrap(), file.plain);
        assert_eq!((file.beside(), file.place.folder.read_dir().unwrap().count()), (1, 1));
        assert_eq!(std::fs::read(file.place.fetched(file.row.id)).unwrap(), file.sealed, "it can stay as it came");
    }
}

#[tokio::test]
async fn the_same_file_twice_at_once_arrives_twice() {
    let file = arrival(50_000);
    let elsewhere = file.folder.path().join("again.pdf");
    let mut first = file.begin().await;
    let mut second = Arriving::begin(&file.place, &file.row, file.key.clone(), elsewhere.clone()).await.unwrap();
    for piece in file.sealed.chunks(7_000) {
        first.take(Bytes::copy_from_slice(piece)).await.unwrap();
        second.take(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    first.end().await.unwrap();
    second.end().await.unwrap();
    for to in [file.to(), elsewhere] {
        assert_eq!(std::fs::read(to).unwrap(), file.plain);
    }
}

#[tokio::test]
async fn what_is_not_genuine_leaves_what_stood_there_and_is_fetched_anew() {
    let mut file = arrival(40_000);
    std::fs::write(file.to(), "before").unwrap();
    file.sealed[30_000] ^= 1;
    let mut arriving = file.begin().await;
    arriving.take(Bytes::copy_from_slice(&file.sealed)).await.unwrap();
    let why = arriving.end().await.unwrap_err();
    assert!(matches!(why, Error::NotGenuine { .. }));
    assert!(why.report().advice.starts_with("try again") && !why.report().advice.contains("--repair"));
    assert_eq!(std::fs::read(file.to()).unwrap(), b"before");
    assert_eq!((file.beside(), file.begin().await.here()), (1, 0));
}

#[test]
fn a_taken_name_gets_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| free_name(folder.path(), name, None).file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(name("plan.tar.gz"), "plan.tar.gz");
    for taken in ["plan.tar.gz", "plan.tar (1).gz", ".hidden", "none"] {
        std::fs::write(folder.path().join(taken), "").unwrap();
    }
    assert_eq!(name("plan.tar.gz"), "plan.tar (2).gz");
    assert_eq!(name(".hidden"), ".hidden (1)");
    assert_eq!(name("none"), "none (1)");
    // Something else is on its way there; unless it is the same.
    let part = folder.path().join("film.mkv.part");
    std::fs::write(&part, "").unwrap();
    assert_eq!(name("film.mkv"), "film (1).mkv");
    assert_eq!(free_name(folder.path(), "film.mkv", Some(&part)), folder.path().join("film.mkv"));
}
