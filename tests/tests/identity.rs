//! Who the server is: replaced, rotated, succeeded.

use thechatapp_tests::server::{json, line_file};
use thechatapp_tests::{Cli, Server};

/// Another host with another root takes over the address.
fn impostor(server: &Server) -> Server {
    let mut other = Server::init();
    other.port = server.port;
    other.serve();
    other
}

/// From now on it serves another certificate, with a key of its own, that an administrator made.
fn another_certificate(server: &mut Server) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = server.folder.path();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let config = folder.join("config.toml");
    std::fs::write(&config, format!("[tls]\ncert = {cert:?}\nkey = {key:?}\n")).unwrap();
    server.config = Some(config);
}

#[test]
fn a_server_with_another_root_gets_nothing_and_the_queue_waits_for_the_true_one() {
    let mut server = Server::start();
    let alice = Cli::with_passphrase();
    let bob = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    alice.run(&["send", "general", "before"]).ok();
    server.stop();

    let mut other = impostor(&server);
    for person in [&alice, &bob] {
        let refused = person.run(&["send", "general", "to whom?"]);
        assert_eq!(refused.code, 11, "{refused:?}");
        assert_eq!(refused.error()["code"], 11);
    }
    let shown = alice.run(&["identity"]).ok().json();
    assert_eq!(shown["pin"], server.pin());
    assert_eq!(shown["shown"]["pin"], other.pin());
    other.kill();

    server.serve();
    alice.run(&["send", "general", "after"]).ok();
    bob.run(&["send", "general", "after, from bob"]).ok();
    let texts = alice.run(&["read", "general"]).ok().texts();
    assert_eq!(texts.len(), 5);
    assert_eq!(
        texts.iter().filter(|text| *text == "to whom?").count(),
        2,
        "what was queued is sent to the true server"
    );
}

#[test]
fn rotated_session_and_tls_keys_pass_silently() {
    let mut server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    server.run(&["key", "rotate", "--what", "session", "--workspace", "acme"]);
    alice.run(&["send", "general", "with a new session key"]).ok();
    server.stop();
    server.run(&["key", "rotate", "--what", "session", "--workspace", "acme"]);
    server.serve();
    alice.run(&["send", "general", "and another"]).ok();

    // From the server's own certificate to one that an administrator made.
    server.stop();
    another_certificate(&mut server);
    server.serve();
    alice.run(&["send", "general", "with a new TLS key"]).ok();
    assert_eq!(alice.run(&["identity"]).ok().json()["pin"], server.pin());
}

#[test]
fn a_root_that_is_the_committed_successor_passes_and_is_recorded() {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    let file = line_file(server.folder.path(), "successor", server.init["successor"].as_str().unwrap());
    let file = file.to_str().unwrap();
    let restored = json(&server.run(&["workspace", "restore-root", "--workspace", "acme", "--successor-file", file]));
    alice.run(&["send", "general", "still here"]).ok();
    let identity = alice.run(&["identity"]).ok().json();
    assert_ne!(identity["pin"], server.pin());
    assert_eq!(identity["pin"], restored["pin"]);
    assert_eq!(identity["source"], "successor");
    assert_eq!(identity["history"].as_array().unwrap().len(), 2);
    // It was used up: another must be kept offline from now on.
    let again = server.try_run(&["workspace", "restore-root", "--workspace", "acme", "--successor-file", file]);
    assert_eq!(again.status.code(), Some(3));
}

#[test]
fn a_new_root_signed_by_the_old_one_passes_and_is_recorded() {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    server.run(&["key", "rotate", "--what", "identity", "--workspace", "acme"]);
    alice.run(&["send", "general", "still here"]).ok();
    let identity = alice.run(&["identity"]).ok().json();
    assert_ne!(identity["pin"], server.pin());
    assert_eq!(identity["history"].as_array().unwrap().len(), 2);
}

/// Everything that a server's identity consists of is replaced several times while a device is away.
#[test]
fn a_device_that_was_away_for_a_year_follows_every_new_key_silently_and_sends_what_waited_once() {
    let mut server = Server::start();
    let (alice, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    alice.run(&["send", "general", "see you in a year"]).ok();
    server.stop();
    let waiting: Vec<String> = (0..5).map(|n| format!("written on the way, {n}")).collect();
    for text in &waiting {
        alice.run(&["send", "general", text, "--queue"]).ok();
    }
    alice.run(&["draft", "general", "half a thought"]).ok();

    let rotate = |server: &Server, what: &str| server.run(&["key", "rotate", "--what", what, "--workspace", "acme"]);
    let mut said = Vec::new();
    for quarter in 0..4 {
        another_certificate(&mut server);
        if quarter == 2 {
            let file = line_file(server.folder.path(), "successor", server.init["successor"].as_str().unwrap());
            let file = file.to_str().unwrap();
            server.run(&["workspace", "restore-root", "--workspace", "acme", "--successor-file", file]);
        }
        server.serve();
        rotate(&server, "session");
        rotate(&server, "identity");
        said.push(format!("in quarter {quarter}"));
        bob.run(&["send", "general", &said[quarter]]).ok();
        server.stop();
        rotate(&server, "session");
    }
    server.serve();

    alice.run(&["send", "general", "back again"]).ok();
    let theirs = bob.run(&["identity"]).ok().json();
    let identity = alice.run(&["identity"]).ok().json();
    assert_eq!((&identity["pin"], &identity["source"]), (&theirs["pin"], &"successor".into()));
    assert_ne!(identity["pin"], server.pin());
    // Bob was there at each of them; alice's device went the same way at once.
    assert_eq!(theirs["history"].as_array().unwrap().iter().filter(|step| step["what"] == "new_root").count(), 4);
    let seen: Vec<_> = identity["history"].as_array().unwrap().iter().map(|step| step["what"].clone()).collect();
    assert_eq!(seen, ["first", "new_root"]);

    let expected: Vec<String> = std::iter::once("see you in a year".to_owned())
        .chain(said)
        .chain(waiting)
        .chain(std::iter::once("back again".to_owned()))
        .collect();
    for person in [&alice, &bob] {
        assert_eq!(person.run(&["read", "general", "-n", "100"]).ok().texts(), expected);
    }
    let draft = alice.run(&["draft", "general"]).ok().json();
    assert_eq!((&draft["text"], &draft["state"]), (&"half a thought".into(), &"synced".into()));
    // Nothing of it moved a pin without a signature.
    let stranger = Server::init();
    assert_eq!(Cli::with_passphrase().login(&server.url(), stranger.pin(), "alice").code, 11);
}

#[test]
fn an_invite_with_the_pin_of_another_server_is_refused() {
    let server = Server::start();
    let other = Server::init();
    let (_, code) = server.owner_invite().rsplit_once('.').unwrap();
    let forged = format!("{}/join/acme#{}.{code}", server.url(), other.pin());
    let alice = Cli::with_passphrase();
    let refused = alice.join(&forged, "alice");
    assert_eq!(refused.code, 11, "{refused:?}");
    alice.join(server.owner_invite(), "alice").ok();
}
