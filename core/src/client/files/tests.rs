use super::arriving::Arriving;
use super::transfer::pieces;
use super::*;
use bytes::Bytes;
use thechatapp_seal::{seal, sealed_len};

#[test]
fn a_range_needs_the_header_its_chunks_and_the_last() {
    let (header, sealed) = (56, 16_400);
    let total = sealed_len(100_000);
    assert_eq!(
        pieces((0, 0), 100_000).unwrap(),
        [(0, header), (header, header + sealed), (header + 6 * sealed, total)]
    );
    assert_eq!(
        pieces((16_384, 40_000), 100_000).unwrap(),
        [(0, header), (header + sealed, header + 3 * sealed), (header + 6 * sealed, total)]
    );
    // The range reaches into the last chunk, or past the end.
    assert_eq!(pieces((99_999, 99_999), 100_000).unwrap(), [(0, header), (header + 6 * sealed, total)]);
    assert_eq!(pieces((99_999, u64::MAX), 100_000).unwrap(), [(0, header), (header + 6 * sealed, total)]);
    // A length of whole chunks ends with an empty one.
    assert_eq!(
        pieces((0, 1), 16_384).unwrap(),
        [(0, header), (header, header + sealed), (header + sealed, sealed_len(16_384))]
    );
    for outside in [(5, 4), (100_000, 100_001), (u64::MAX, u64::MAX)] {
        assert!(pieces(outside, 100_000).is_err(), "{outside:?}");
    }
    assert!(pieces((0, 0), 0).is_err());
}

#[test]
fn every_range_opens_from_the_pieces_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[2; 16]));
    for size in [1, 16_383, 16_384, 16_385, 50_000] {
        let plain: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let whole = seal(&key, &context, &plain).unwrap();
        for (first, last) in [(0, 0), (0, u64::MAX), (size as u64 / 2, size as u64 - 1), (size as u64 - 1, size as u64)]
        {
            let (from, to) = (folder.path().join("sealed"), folder.path().join("plain"));
            let mut sparse = vec![0; whole.len()];
            for (begin, end) in pieces((first, last), size as u64).unwrap() {
                let place = begin as usize..end as usize;
                sparse[place.clone()].copy_from_slice(&whole[place]);
            }
            std::fs::write(&from, &sparse).unwrap();
            open_range(&from, &to, &key, &context, (first, last)).unwrap();
            let end = (last.saturating_add(1) as usize).min(size);
            assert_eq!(std::fs::read(&to).unwrap(), &plain[first as usize..end], "{size} {first}-{last}");
        }
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
        assert_eq!((file.beside(), file.place.folder.read_dir().unwrap().count()), (1, 0));
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
    assert!(matches!(arriving.end().await, Err(Error::Corrupt { .. })));
    assert_eq!(std::fs::read(file.to()).unwrap(), b"before");
    assert_eq!((file.beside(), file.begin().await.here()), (1, 0));
}

#[test]
fn a_taken_name_gets_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| free_name(folder.path(), name).file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(name("plan.tar.gz"), "plan.tar.gz");
    for taken in ["plan.tar.gz", "plan.tar (1).gz", ".hidden", "none"] {
        std::fs::write(folder.path().join(taken), "").unwrap();
    }
    assert_eq!(name("plan.tar.gz"), "plan.tar (2).gz");
    assert_eq!(name(".hidden"), ".hidden (1)");
    assert_eq!(name("none"), "none (1)");
}
