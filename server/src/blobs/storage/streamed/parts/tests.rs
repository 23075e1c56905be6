use super::super::tests::{Bucket, MIB, Request, content, file};
use super::*;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

const BEGUN: &str =
    "<InitiateMultipartUploadResult><UploadId>an-id/with+more=</UploadId></InitiateMultipartUploadResult>";
const ENDED: &str = "<CompleteMultipartUploadResult><ETag>\"whole-3\"</ETag></CompleteMultipartUploadResult>";

fn hex(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(bytes.as_ref())
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// What AWS computes from a request as it came (Signature Version 4), with the tests' key.
fn signature(request: &Request) -> String {
    let (line, _) = request.head.split_once("\r\n").unwrap();
    let target = line.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap();
    let authorization = request.header("authorization");
    let said = |name: &str| authorization.split_once(name).unwrap().1.split([',', ' ']).next().unwrap().to_owned();
    let names = said("SignedHeaders=");
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", request.header(name))).collect();
    let mut query: Vec<_> = query.split('&').map(str::to_owned).collect();
    query.sort();
    let digest = request.header("x-amz-content-sha256");
    let canonical = format!("PUT\n{path}\n{}\n{headers}\n{names}\n{digest}", query.join("&"));
    let (_, scope) =
        said("Credential=").split_once('/').map(|(key, scope)| (key.to_owned(), scope.to_owned())).unwrap();
    let moment = request.header("x-amz-date");
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(Sha256::digest(canonical)));
    let key = scope.split('/').fold(b"AWS4unused".to_vec(), |key, part| keyed(&key, part));
    hex(keyed(&key, &to_sign))
}

#[tokio::test]
async fn parts_go_one_after_the_other_each_signed_with_its_digest() {
    let mut bucket = Bucket::new().await;
    bucket.shelf.streamed.as_mut().unwrap().heads.always_in_parts = true;
    let content = content(11 * MIB);
    let bucket_does = async {
        let begin = bucket.request().await;
        assert!(begin.head.starts_with("POST ") && begin.head.contains("?uploads"), "{}", begin.head);
        begin.answer("200 OK", BEGUN).await;
        for (number, part) in content.chunks(5 * MIB).enumerate() {
            // The second breaks off, and begins with its own first byte again.
            let mut request = bucket.request().await;
            if number == 1 {
                request.take(MIB).await;
                drop(request);
                request = bucket.request().await;
            }
            let asked = format!("/a?partNumber={}&uploadId=an-id%2Fwith%2Bmore%3D", number + 1);
            assert!(request.head.starts_with("PUT ") && request.head.contains(&asked), "{}", request.head);
            assert_eq!(request.header("content-length"), part.len().to_string());
            assert_eq!(request.header("x-amz-content-sha256"), hex(Sha256::digest(part)));
            let signed = format!("Signature={}", signature(&request));
            assert!(request.header("authorization").ends_with(&signed), "{}", request.head);
            assert!(request.take(part.len()).await == part);
            request.answer(&format!("200 OK\r\netag: \"tag{number}\""), "").await;
        }
        let mut end = bucket.request().await;
        let body = end.take(end.header("content-length").parse().unwrap()).await;
        let body = String::from_utf8(body).unwrap();
        for number in 0..3 {
            assert!(body.contains(&format!("tag{number}")), "{body}");
        }
        end.answer("200 OK", ENDED).await;
    };
    let put = async {
        bucket.shelf.put("a", file(&content)).await.unwrap();
    };
    tokio::join!(put, bucket_does);
}

#[tokio::test]
async fn where_checksums_are_wanted_each_part_has_one_and_the_end_names_them() {
    let mut bucket = Bucket::new().await;
    let heads = &mut bucket.shelf.streamed.as_mut().unwrap().heads;
    (heads.always_in_parts, heads.checksums) = (true, true);
    let content = content(MIB);
    let sum = data_encoding::BASE64.encode(&Sha256::digest(&content));
    let bucket_does = async {
        bucket.request().await.answer("200 OK", BEGUN).await;
        let mut request = bucket.request().await;
        assert_eq!(request.header("x-amz-checksum-sha256"), sum);
        assert!(request.header("authorization").ends_with(&format!("Signature={}", signature(&request))));
        request.take(MIB).await;
        request.answer(&format!("200 OK\r\netag: \"tag\"\r\nx-amz-checksum-sha256: {sum}"), "").await;
        let mut end = bucket.request().await;
        let body = end.take(end.header("content-length").parse().unwrap()).await;
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains(&format!("<ChecksumSHA256>{sum}</ChecksumSHA256>")), "{body}");
        assert!(body.contains("tag") && !body.contains("PartMetadata"), "{body}");
        end.answer("200 OK", ENDED).await;
    };
    let put = async {
        bucket.shelf.put("a", file(&content)).await.unwrap();
    };
    tokio::join!(put, bucket_does);
}

#[tokio::test]
async fn what_is_refused_in_the_middle_leaves_nothing_behind() {
    let mut bucket = Bucket::new().await;
    bucket.shelf.streamed.as_mut().unwrap().heads.always_in_parts = true;
    let content = content(MIB);
    let bucket_does = async {
        bucket.request().await.answer("200 OK", BEGUN).await;
        bucket.request().await.answer("403 Forbidden", "<Error>no</Error>").await;
        let abort = bucket.request().await;
        assert!(abort.head.starts_with("DELETE ") && abort.head.contains("?uploadId="), "{}", abort.head);
        abort.answer("204 No Content", "").await;
    };
    let put = async { bucket.shelf.put("a", file(&content)).await.unwrap_err() };
    let (refused, ()) = tokio::join!(put, bucket_does);
    let denied = matches!(&refused, Fail::Storage(object_store::Error::PermissionDenied { .. }));
    assert!(denied, "{refused:?}");
}
