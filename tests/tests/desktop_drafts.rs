//! Real windows: what somebody types and does not send.

use std::process::Command;
use thechatapp_tests::desk::Desk;
use thechatapp_tests::server::signal;
use thechatapp_tests::{Cli, Server, bin};

const FIELD: &str = "return document.querySelector('[data-testid=composer]').value";

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_right_after_the_last_key_keeps_every_letter() {
    let server = Server::start();
    let alice = Desk::set_up();
    alice.cli.join(server.owner_invite(), "alice").ok();
    let mut typed = String::new();
    for words in ["Words that are typed in one go,", " another one,", " and the last"] {
        let window = alice.open().await;
        window.element("[data-testid=composer]").await;
        window.fill("[data-testid=composer]", words).await;
        window.close().await;
        typed.push_str(words);
        assert_eq!(alice.cli.run(&["draft", "general"]).ok().json()["text"], typed.as_str());
    }
    let window = alice.open().await;
    window.element("[data-testid=composer]").await;
    assert_eq!(window.script(FIELD, Vec::new()).await, typed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_the_system_ends_saves_what_was_typed_as_one_that_is_closed() {
    let server = Server::start();
    let alice = Desk::set_up();
    alice.cli.join(server.owner_invite(), "alice").ok();
    let window = alice.open().await;
    window.element("[data-testid=composer]").await;
    window.fill("[data-testid=composer]", "The last words before the shutdown").await;
    window.terminate().await;
    let draft = alice.cli.run(&["draft", "general"]).ok().json();
    assert_eq!(draft["text"], "The last words before the shutdown");

    // Its exit code, which a driver does not tell.
    let mut command = Command::new(bin("thechatapp-desktop"));
    command.args(alice.cli.window()).env("DISPLAY", alice.display.name()).env("GDK_BACKEND", "x11");
    command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1").env("NO_AT_BRIDGE", "1");
    let mut program = command.envs(alice.cli.env.iter().cloned()).spawn().unwrap();
    alice.until_held(program.id()).await;
    signal(program.id(), "TERM");
    assert_eq!(program.wait().unwrap().code(), Some(0));
    assert_eq!(alice.cli.run(&["channels"]).code, 0, "the profile is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_on_two_devices_is_shown_beside_each_other_until_one_decides() {
    let mut server = Server::start();
    let (alice, phone) = (Desk::set_up(), Cli::with_passphrase());
    alice.cli.join(server.owner_invite(), "alice").ok();
    phone.login(&server.url(), server.pin(), "alice").ok();
    for (typed, said, button, field) in [
        ("from the desk", "from the phone", "take-draft", "from the desk\nfrom the phone"),
        (", and later", "from the phone again", "let-draft-go", "from the desk\nfrom the phone, and later"),
    ] {
        let window = alice.open().await;
        window.element("[data-testid=composer]").await;
        server.stop();
        window.shows("body", "Offline.").await;
        window.fill("[data-testid=composer]", typed).await;
        window.close().await;
        server.serve();
        phone.run(&["draft", "general", said]).ok();

        let window = alice.open().await;
        window.shows("[data-testid=elsewhere]", said).await;
        window.keep_picture(&format!("elsewhere-{button}"));
        window.click(&format!("[data-testid={button}]")).await;
        window.hides("main", "Typed on another device").await;
        assert_eq!(window.script(FIELD, Vec::new()).await, field);
        window.close().await;
    }
}
