use super::*;
use ed25519_dalek::{Signer, SigningKey};
use thechatapp_protocol::{AccountId, DeviceId};

fn allowed(device: u8) -> Allowed {
    Allowed {
        caller: Caller {
            person: AccountId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([device; 16]),
            from: [127, 0, 0, 1].into(),
            replaced: false,
        },
        channel: ChannelId::from_bytes([2; 16]),
        file: FileId::from_bytes([3; 16]),
        upload: None,
    }
}

fn proof(key: &SigningKey, method: &str, path: &str, token: &[u8], once: [u8; 16]) -> String {
    let signature = key.sign(&proof_covers(method, path, token, &once)).to_bytes();
    BASE64URL_NOPAD.encode(&[once.as_slice(), &signature].concat())
}

#[test]
fn a_token_counts_with_its_devices_proof_once_for_each_request_and_until_it_ends() {
    let (tokens, now) = (Tokens::default(), Instant::now());
    let (key, other) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let token = tokens.mint(allowed(1), key.verifying_key().to_bytes(), now).unwrap().token;
    let text = BASE64URL_NOPAD.encode(&token);
    let good = proof(&key, "GET", "/w/acme/files/x", &token, [1; 16]);
    let check = |method: &str, path: &str, proof: &str, now| tokens.check(method, path, &text, proof, now);

    // Another method, path, key, or nonsense.
    assert_eq!(check("PATCH", "/w/acme/files/x", &good, now), None);
    assert_eq!(check("GET", "/w/acme/files/y", &good, now), None);
    assert_eq!(check("GET", "/w/acme/files/x", &proof(&other, "GET", "/w/acme/files/x", &token, [1; 16]), now), None);
    assert_eq!(check("GET", "/w/acme/files/x", "", now), None);
    assert_eq!(tokens.check("GET", "/w/acme/files/x", "AAAA", &good, now), None);

    assert_eq!(check("GET", "/w/acme/files/x", &good, now), Some(allowed(1)));
    // The same request overheard.
    assert_eq!(check("GET", "/w/acme/files/x", &good, now), None);
    let again = proof(&key, "GET", "/w/acme/files/x", &token, [2; 16]);
    assert_eq!(check("GET", "/w/acme/files/x", &again, now + LASTS), None);
    assert_eq!(check("GET", "/w/acme/files/x", &again, now + LASTS - Duration::from_secs(1)), Some(allowed(1)));
}

#[test]
fn a_device_has_so_many_tokens_and_the_oldest_ends_first() {
    let (tokens, now) = (Tokens::default(), Instant::now());
    let key = SigningKey::from_bytes(&[7; 32]);
    let mint = |device, at| tokens.mint(allowed(device), key.verifying_key().to_bytes(), at).unwrap().token;
    let usable = |token: &[u8], once: u8| {
        let text = BASE64URL_NOPAD.encode(token);
        tokens.check("GET", "/", &text, &proof(&key, "GET", "/", token, [once; 16]), now).is_some()
    };
    let first = mint(1, now);
    let of_another = mint(2, now);
    let mut later = Vec::new();
    for number in 0..PER_DEVICE {
        later.push(mint(1, now + Duration::from_millis(number as u64 + 1)));
    }
    assert!(!usable(&first, 1));
    assert!(usable(&of_another, 2));
    assert!(later.iter().all(|token| usable(token, 3)));
}
