use super::frame::Reassembly;
use super::handshake::{initiate_with, respond_with};
use super::limits::*;
use super::*;

const LIMITS: Limits =
    Limits { rekey_frames: 1 << 20, rekey_bytes: 1 << 30, rekey_millis: 900_000, life_millis: 86_400_000 };

fn prologue() -> Prologue {
    Prologue { protocol: 1, workspace_id: [1; 16], document_hash: [2; 32], binding: Binding::TlsExporter([3; 32]) }
}

fn keys() -> (StaticKey, StaticKey) {
    (StaticKey::from_bytes(&[0x11; 32]), StaticKey::from_bytes(&[0x22; 32]))
}

/// Both ends of a session, with fixed ephemeral keys: the same bytes in every run.
fn pair_with(limits: Limits) -> (Transport, Transport) {
    let (device, server) = keys();
    let (initiator, first) = initiate_with(&prologue(), &device, &server.public(), limits, Some(&[0x33; 32])).unwrap();
    let (there, second, proved) = respond_with(&prologue(), &server, &first, 0, limits, Some(&[0x44; 32])).unwrap();
    assert_eq!(proved.0, device.public());
    (initiator.finish(&second, 0).unwrap(), there)
}

fn pair() -> (Transport, Transport) {
    pair_with(LIMITS)
}

fn message(kind: Kind, stream: u32, payload: Vec<u8>) -> Message {
    Message { kind, stream, payload }
}

fn deliver(from: &mut Transport, to: &mut Transport, message: &Message, now: u64) -> Vec<Message> {
    let frames = from.seal(message, now).unwrap();
    frames.iter().filter_map(|frame| to.open(frame, now).unwrap()).collect()
}

#[test]
fn messages_of_every_length_arrive_whole_both_ways() {
    let (mut client, mut server) = pair();
    assert_eq!(client.handshake_hash(), server.handshake_hash());
    for length in [0, 1, 100, PAYLOAD_MAX - 1, PAYLOAD_MAX, PAYLOAD_MAX + 1, MESSAGE_MAX] {
        let sent = message(Kind::Request, 7, vec![length as u8; length]);
        assert_eq!(deliver(&mut client, &mut server, &sent, 0), std::slice::from_ref(&sent));
        assert_eq!(deliver(&mut server, &mut client, &sent, 0), [sent]);
    }
    let long = message(Kind::Event, 0, vec![0; MESSAGE_MAX + 1]);
    assert_eq!(client.seal(&long, 0), Err(SessionError::TooLong));
    let short = message(Kind::Ping, 0, vec![]);
    assert_eq!(deliver(&mut client, &mut server, &short, 0), [short]);
}

#[test]
fn any_difference_in_the_prologue_kills_the_handshake() {
    let (device, server) = keys();
    let (_, first) = initiate(&prologue(), &device, &server.public()).unwrap();
    let differing = [
        Prologue { protocol: 2, ..prologue() },
        Prologue { workspace_id: [9; 16], ..prologue() },
        Prologue { document_hash: [9; 32], ..prologue() },
        Prologue { binding: Binding::TlsExporter([9; 32]), ..prologue() },
        Prologue { binding: Binding::Unbound, ..prologue() },
    ];
    for other in differing {
        assert_eq!(respond(&other, &server, &first, 0).err(), Some(SessionError::Handshake));
    }
    assert!(respond(&prologue(), &device, &first, 0).is_err(), "another server's key");
    assert!(respond(&prologue(), &server, &first, 0).is_ok());
}

#[test]
fn a_replayed_first_message_shows_by_its_missing_first_frame() {
    let (device, server) = keys();
    let (initiator, first) = initiate(&prologue(), &device, &server.public()).unwrap();
    let (mut real, second, _) = respond(&prologue(), &server, &first, 0).unwrap();
    let (mut replayed, _, _) = respond(&prologue(), &server, &first, 0).unwrap();
    let mut client = initiator.finish(&second, 0).unwrap();
    let frames = client.seal(&message(Kind::Ping, 0, vec![]), 0).unwrap();
    assert!(!real.first_frame_seen());
    real.open(&frames[0], 0).unwrap();
    assert!(real.first_frame_seen());
    assert_eq!(replayed.open(&frames[0], 0), Err(SessionError::Decrypt));
    assert!(!replayed.first_frame_seen());
}

#[test]
fn a_spoilt_frame_ends_the_session_for_good() {
    let spoil: [fn(&mut Vec<u8>); 5] = [
        |frame| frame[0] ^= 1,
        |frame| frame.truncate(frame.len() - 1),
        |frame| frame.push(0),
        Vec::clear,
        |frame| frame.resize(FRAME_MAX + 1, 0),
    ];
    for change in spoil {
        let (mut client, mut server) = pair();
        let mut frame = client.seal(&message(Kind::Ping, 0, vec![1]), 0).unwrap().remove(0);
        let good = client.seal(&message(Kind::Ping, 0, vec![2]), 0).unwrap().remove(0);
        change(&mut frame);
        assert_eq!(server.open(&frame, 0), Err(SessionError::Decrypt));
        assert_eq!(server.open(&good, 0), Err(SessionError::Ended));
        assert_eq!(server.seal(&message(Kind::Pong, 0, vec![]), 0), Err(SessionError::Ended));
    }
}

#[test]
fn a_frame_counts_once_and_in_its_place() {
    let (mut client, mut server) = pair();
    let frame = client.seal(&message(Kind::Ping, 0, vec![]), 0).unwrap().remove(0);
    server.open(&frame, 0).unwrap();
    assert_eq!(server.open(&frame, 0), Err(SessionError::Decrypt));
    let (mut client, mut server) = pair();
    let _lost = client.seal(&message(Kind::Ping, 0, vec![]), 0).unwrap();
    let second = client.seal(&message(Kind::Ping, 0, vec![]), 0).unwrap().remove(0);
    assert_eq!(server.open(&second, 0), Err(SessionError::Decrypt));
}

#[test]
fn keys_are_renewed_after_frames_bytes_or_time_and_messages_go_on() {
    let few = Limits { rekey_frames: 3, ..LIMITS };
    let small = Limits { rekey_bytes: 200, ..LIMITS };
    let quick = Limits { rekey_millis: 10, ..LIMITS };
    for (limits, step) in [(few, 0), (small, 0), (quick, 4)] {
        let (mut client, mut server) = pair_with(limits);
        let mut controls = 0;
        for number in 0..40_u64 {
            let sent = message(Kind::Event, 0, vec![number as u8; 50]);
            let now = number * step;
            let frames = client.seal(&sent, now).unwrap();
            controls += frames.len() - 1;
            let got: Vec<_> = frames.iter().filter_map(|frame| server.open(frame, now).unwrap()).collect();
            assert_eq!(got, [sent]);
            let back = message(Kind::Reply, 1, vec![1]);
            assert_eq!(deliver(&mut server, &mut client, &back, now), [back]);
        }
        assert!(controls >= 9, "{controls} renewals");
    }
}

#[test]
fn a_session_lives_a_day_and_is_cut_off_an_hour_later() {
    let (mut client, mut server) = pair();
    let day = LIMITS.life_millis;
    assert!(!client.expired(day - 1));
    assert!(client.expired(day));
    let frame = client.seal(&message(Kind::Ping, 0, vec![]), day).unwrap();
    for frame in &frame {
        server.open(frame, day).unwrap();
    }
    let late = client.seal(&message(Kind::Ping, 0, vec![]), day + 3_600_000).unwrap();
    assert_eq!(server.open(&late[0], day + 3_600_000), Err(SessionError::Ended));
}

#[test]
fn keys_of_low_order_are_refused_on_both_sides() {
    // RFC 7748, section 6.1, and the points of order 8 on the curve and its twist.
    let low = [
        "00",
        "01",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    for text in low {
        let mut key = [0; 32];
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        key[..bytes.len()].copy_from_slice(&bytes);
        let (device, server) = keys();
        assert_eq!(initiate(&prologue(), &device, &key).err(), Some(SessionError::LowOrderKey), "{text}");
        let mut first = initiate(&prologue(), &device, &server.public()).unwrap().1;
        first[..32].copy_from_slice(&key);
        assert_eq!(respond(&prologue(), &server, &first, 0).err(), Some(SessionError::LowOrderKey), "{text}");
    }
}

#[test]
fn fragments_of_different_streams_interleave_and_hostile_ones_are_refused() {
    let one: Vec<_> = message(Kind::Reply, 1, vec![1; PAYLOAD_MAX + 5]).frames().unwrap().collect();
    let two: Vec<_> = message(Kind::Event, 2, vec![2; PAYLOAD_MAX + 6]).frames().unwrap().collect();
    let mut whole = Reassembly::default();
    let mut got = Vec::new();
    for frame in [&one[0], &two[0], &two[1], &one[1]] {
        if let frame::Accepted::Message(message) = whole.accept(frame).unwrap() {
            got.push((message.stream, message.payload.len()));
        }
    }
    assert_eq!(got, [(2, PAYLOAD_MAX + 6), (1, PAYLOAD_MAX + 5)]);

    let begin = |kind: u8, stream: u8| vec![kind, 1, 0, 0, 0, stream, 9];
    let mut many = Reassembly::default();
    for stream in 0..PARTIAL_MAX as u8 {
        many.accept(&begin(1, stream)).unwrap();
    }
    assert!(matches!(many.accept(&begin(1, 200)), Err(SessionError::Malformed(_))));
    let mut changing = Reassembly::default();
    changing.accept(&begin(1, 1)).unwrap();
    assert!(matches!(changing.accept(&begin(2, 1)), Err(SessionError::Malformed(_))));
    let mut heavy = Reassembly::default();
    let big = [&begin(1, 1)[..6], &vec![0; PAYLOAD_MAX]].concat();
    let refused = (0..100).find_map(|_| heavy.accept(&big).err());
    assert_eq!(refused, Some(SessionError::TooLong));
    for bad in [&[][..], &[1, 0, 0, 0, 0], &[1, 2, 0, 0, 0, 0], &[0x40, 0, 0, 0, 0, 1], &[0x40, 1, 0, 0, 0, 0]] {
        assert!(matches!(Reassembly::default().accept(bad), Err(SessionError::Malformed(_))), "{bad:?}");
    }
    assert_eq!(Reassembly::default().accept(&[99, 0, 0, 0, 0, 0, 1]).unwrap(), frame::Accepted::Nothing);
}

#[test]
fn encoded_forms_stay_as_they_are() {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let (device, server) = keys();
    let (_, first) = initiate_with(&prologue(), &device, &server.public(), LIMITS, Some(&[0x33; 32])).unwrap();
    let (mut client, _) = pair();
    let frame = client.seal(&message(Kind::Request, 5, b"golden".to_vec()), 0).unwrap().remove(0);
    let golden = format!("prologue {}\nmessage1 {}\nframe {}\n", hex(&prologue().encode()), hex(&first), hex(&frame));
    crate::golden("session.txt", &golden);
}

#[test]
fn snow_s_published_vectors_hold_with_our_x25519() {
    let file = include_str!("../../tests/vectors/noise_ik_25519_aesgcm_sha256.json");
    let vectors: serde_json::Value = serde_json::from_str(file).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let field = |name: &str| data_encoding::HEXLOWER.decode(vector[name].as_str().unwrap().as_bytes()).unwrap();
        let builder = || {
            snow::Builder::with_resolver("Noise_IK_25519_AESGCM_SHA256".parse().unwrap(), Box::new(resolver::Resolver))
        };
        let (init_prologue, resp_prologue) = (field("init_prologue"), field("resp_prologue"));
        let (init_static, init_ephemeral, remote) =
            (field("init_static"), field("init_ephemeral"), field("init_remote_static"));
        let (resp_static, resp_ephemeral) = (field("resp_static"), field("resp_ephemeral"));
        let mut init = builder()
            .prologue(&init_prologue)
            .unwrap()
            .local_private_key(&init_static)
            .unwrap()
            .remote_public_key(&remote)
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(&init_ephemeral)
            .build_initiator()
            .unwrap();
        let mut resp = builder()
            .prologue(&resp_prologue)
            .unwrap()
            .local_private_key(&resp_static)
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(&resp_ephemeral)
            .build_responder()
            .unwrap();
        let messages = vector["messages"].as_array().unwrap();
        let part = |number: usize, name: &str| {
            data_encoding::HEXLOWER.decode(messages[number][name].as_str().unwrap().as_bytes()).unwrap()
        };
        let (mut sealed, mut opened) = (vec![0; 65_535], vec![0; 65_535]);
        let length = init.write_message(&part(0, "payload"), &mut sealed).unwrap();
        assert_eq!(sealed[..length], part(0, "ciphertext"));
        resp.read_message(&sealed[..length], &mut opened).unwrap();
        let length = resp.write_message(&part(1, "payload"), &mut sealed).unwrap();
        assert_eq!(sealed[..length], part(1, "ciphertext"));
        init.read_message(&sealed[..length], &mut opened).unwrap();
        let (mut init, mut resp) = (init.into_transport_mode().unwrap(), resp.into_transport_mode().unwrap());
        for number in 2..messages.len() {
            let (from, to) = if number % 2 == 0 { (&mut init, &mut resp) } else { (&mut resp, &mut init) };
            let length = from.write_message(&part(number, "payload"), &mut sealed).unwrap();
            assert_eq!(sealed[..length], part(number, "ciphertext"));
            let length = to.read_message(&sealed[..length], &mut opened).unwrap();
            assert_eq!(opened[..length], part(number, "payload"));
        }
    }
}
