//! Real windows: what somebody types and does not send.

use thechatapp_tests::desk::Desk;
use thechatapp_tests::{Cli, Server};

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
