#[cfg(target_os = "linux")]
#[path = "../../../tests/support/moto.rs"]
mod moto;

use super::*;
use crate::error::Kind;
use data_encoding::BASE64;

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

#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_requests_have_to_say_more_a_file_goes_in_parts() {
    let moto = moto::Moto::start();
    let made = reqwest::Client::new().put(format!("{}/chat", moto.url)).send().await.unwrap();
    assert!(made.status().is_success());
    let address = format!("s3://chat/files?region=eu-central-1&endpoint={}", moto.url);
    let keys = FilesSection {
        access_key_id: Some("thechatapp-tests".into()),
        secret_access_key: Some("unused".into()),
        ..section(&address)
    };
    let content: Vec<u8> = (0..12 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let customer = BASE64.encode(&[7; 32]);
    let both = vec![("aws_server_side_encryption", "AES256"), ("aws_checksum_algorithm", "crc64nvme")];
    let sse_c = vec![("aws_server_side_encryption", "sse-c"), ("aws_sse_customer_key_base64", customer.as_str())];
    for (name, settings, in_parts, in_memory) in [
        ("whole", vec![], false, false),
        ("encrypted", vec![("aws_server_side_encryption", "AES256")], true, false),
        ("encrypted-with-checksums", both, true, false),
        ("unsigned", vec![("aws_skip_signature", "true")], true, false),
        ("customer", sse_c, true, true),
    ] {
        let builder = settings
            .iter()
            .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key.parse().unwrap(), *value));
        let section = if name == "unsigned" { section(&address) } else { keys.clone() };
        let storage = Storage::bucket(builder, &address, &section).unwrap();
        let shelf = storage.shelf("home", WorkspaceId::from_bytes([1; 16]));
        assert_eq!(shelf.streamed.is_none(), in_memory, "{name}");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &content).unwrap();
        shelf.put(name, file.reopen().unwrap()).await.unwrap();
        let pieces = shelf.pieces(name, 0, content.len() as u64).await.unwrap();
        let stored: Vec<Bytes> = pieces.try_collect().await.unwrap();
        assert!(stored.concat() == content, "{name}");
        let tag = shelf.store.head(&shelf.path(name)).await.unwrap().e_tag.unwrap();
        assert_eq!(tag.contains("-3"), in_parts, "{name}: {tag}");
    }
}
