use super::*;
use crate::error::Kind;

fn section(storage: &str) -> FilesSection {
    FilesSection { storage: Some(storage.to_owned()), ..FilesSection::default() }
}

#[test]
fn an_address_names_a_bucket_and_what_is_around_it_is_not_its_name() {
    assert!(Storage::new(&FilesSection::default()).unwrap().is_none());
    let long = "s3://chat/files/?region=eu-central-1&endpoint=http://127.0.0.1:9000";
    for (address, name, base) in [
        ("s3://chat", "s3://chat", ""),
        ("s3://chat/?region=eu-central-1", "s3://chat", ""),
        (long, "s3://chat/files", "files/"),
        ("s3://chat/team%20files", "s3://chat/team%20files", "team files/"),
    ] {
        let storage = Storage::new(&section(address)).unwrap().unwrap();
        assert_eq!((storage.name(), Storage::name_of(address)), (name, name));
        let id = WorkspaceId::from_bytes([1; 16]);
        assert_eq!(storage.shelf("home", id).path("a").as_ref(), format!("{base}home/{id}/a"));
    }
}

#[test]
fn what_is_no_bucket_is_refused() {
    for bad in [
        "",
        "chat",
        "/srv/files",
        "s3:chat",
        "s3:///chat",
        "https://chat.s3.amazonaws.com",
        "s3://id:secret@chat",
        "s3://chat?colour=red",
        "s3://chat/a/../b%2f..%2f..",
    ] {
        assert_eq!(Storage::new(&section(bad)).unwrap_err().kind, Kind::BadInput, "{bad}");
    }
    let half = FilesSection { access_key_id: Some("id".into()), ..section("s3://chat") };
    assert!(Storage::new(&half).unwrap_err().why.contains("belong together"));
}
