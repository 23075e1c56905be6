use super::*;
use clap::CommandFactory;
use clap::error::ErrorKind;

fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from([&["thechatapp-cli"], words].concat())
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn the_commands_are_those_of_the_contract() {
    let command = Arguments::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(
        names,
        [
            "join",
            "login",
            "channels",
            "channel",
            "create",
            "join-channel",
            "leave-channel",
            "send",
            "draft",
            "drafts",
            "read",
            "watch",
            "edit",
            "history",
            "delete",
            "react",
            "pin",
            "unpin",
            "pins",
            "poll",
            "vote",
            "save",
            "unsave",
            "saved",
            "upload",
            "download",
            "search",
            "identity",
            "audit",
            "people",
            "whoami",
            "status",
            "report",
            "block",
            "settings",
            "role",
            "group",
            "moderator",
            "devices",
            "account",
            "storage",
            "lock",
            "unlock",
            "key",
            "network",
            "doctor",
            "sign-out",
            "completions",
        ]
    );
}

#[test]
fn every_command_has_help_with_an_example() {
    for subcommand in Arguments::command().get_subcommands() {
        let name = subcommand.get_name();
        let error = parse(&[name, "--help"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{name}");
        let help = error.render().to_string();
        assert!(help.contains("Example"), "{name} has no example");
        assert!(help.contains(&format!("thechatapp-cli {name}")), "{name}'s example shows something else");
    }
}

#[test]
fn what_every_command_takes_may_stand_before_or_after_it() {
    for words in [["--json", "whoami"], ["whoami", "--json"]] {
        assert!(parse(&words).unwrap().global.json);
    }
    let global =
        parse(&["--workspace", "acme", "channels", "--profile", "p", "--passphrase-file", "f"]).unwrap().global;
    assert_eq!(global.workspace.as_deref(), Some("acme"));
    assert_eq!(global.profile, Some("p".into()));
    assert_eq!(global.passphrase_file, Some("f".into()));
}

#[test]
fn join_takes_what_the_contract_says() {
    let words = [
        "join",
        "https://h/join/acme#p.c",
        "--name",
        "Ana",
        "--password-file",
        "f",
        "--trust-pin",
        "p",
        "--url",
        "https://i",
    ];
    let Command::Join(join) = parse(&words).unwrap().command else { panic!("not join") };
    assert_eq!(join.invite, "https://h/join/acme#p.c");
    assert_eq!(join.name, "Ana");
    assert_eq!(join.password_file, Some("f".into()));
    assert_eq!(join.trust_pin.as_deref(), Some("p"));
    assert_eq!(join.url.as_deref(), Some("https://i"));
}

#[test]
fn messages_may_begin_with_a_hyphen_and_standard_input_is_a_hyphen() {
    for text in ["-", "- a point in a list", "-5 degrees"] {
        let Command::Send { text: sent, .. } = parse(&["send", "general", text]).unwrap().command else {
            panic!("not send")
        };
        assert_eq!(sent, text);
    }
}

#[test]
fn options_of_send_are_seen_before_and_after_the_text() {
    for words in [["send", "general", "hi", "--queue"], ["send", "--queue", "general", "hi"]] {
        let Command::Send { queue, text, .. } = parse(&words).unwrap().command else { panic!("not send") };
        assert!(queue);
        assert_eq!(text, "hi");
    }
}

#[test]
fn read_takes_a_number_and_an_end() {
    let Command::Read { channel, number, before, peek, thread: None } =
        parse(&["read", "general", "-n", "5", "--before", "9"]).unwrap().command
    else {
        panic!("not read")
    };
    assert_eq!((channel.as_str(), number, before, peek), ("general", 5, Some(9), false));
    assert!(parse(&["read", "general", "-n", "0"]).is_err());
}

#[test]
fn search_takes_its_filters() {
    let words =
        ["search", "a", "b", "--in", "c", "--from", "p", "--before", "2026-01-02", "--after", "2026-01-01", "--remote"];
    let Command::Search(search) = parse(&words).unwrap().command else { panic!("not search") };
    assert_eq!(search.words, ["a", "b"]);
    assert_eq!(search.channel.as_deref(), Some("c"));
    assert_eq!(search.from.as_deref(), Some("p"));
    assert!(search.remote);
}

#[test]
fn identity_shows_or_accepts() {
    let Command::Identity { action } = parse(&["identity", "--json"]).unwrap().command else { panic!("not identity") };
    assert!(action.is_none());
    let Command::Identity { action } = parse(&["identity", "accept", "pin", "--json"]).unwrap().command else {
        panic!("not identity")
    };
    assert!(matches!(action, Some(IdentityAction::Accept { pin }) if pin == "pin"));
}

#[test]
fn what_does_not_exist_yet_is_no_command() {
    assert_eq!(parse(&["policy"]).unwrap_err().kind(), ErrorKind::InvalidSubcommand);
}

#[test]
fn a_poll_is_asked_or_closed_and_a_vote_is_cast_or_withdrawn() {
    let Command::Poll(poll) = parse(&["poll", "general", "when?", "--option", "a", "--option", "-b"]).unwrap().command
    else {
        panic!()
    };
    assert!(poll.action.is_none() && !poll.multiple);
    assert_eq!((poll.channel.unwrap(), poll.question.unwrap()), ("general".into(), "when?".into()));
    assert_eq!(poll.options, ["a", "-b"]);
    let Command::Poll(poll) = parse(&["poll", "close", "general", "41"]).unwrap().command else { panic!() };
    assert!(
        matches!(poll.action, Some(PollAction::Close { channel, message }) if channel == "general" && message == "41")
    );
    for wrong in [
        &["poll", "general", "when?"][..],
        &["poll", "general", "--option", "a"],
        &["poll", "close", "general"],
        &["vote", "general", "41"],
        &["vote", "general", "41", "0"],
        &["vote", "general", "41", "1", "--withdraw"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
    let Command::Vote { options, withdraw, .. } = parse(&["vote", "general", "41", "1", "3"]).unwrap().command else {
        panic!()
    };
    assert_eq!((options, withdraw), (vec![1, 3], false));
}

#[test]
fn a_way_out_is_chosen_with_credentials_or_these_alone() {
    let network = |words: &[&str]| parse(&[&["network", "set"], words].concat());
    let Command::Network { action: NetworkAction::Set(set) } =
        network(&["--proxy", "http://p:1", "--proxy-user", "ana", "--proxy-password-file", "f"]).unwrap().command
    else {
        panic!()
    };
    assert_eq!((set.proxy.as_deref(), set.proxy_user.as_deref()), (Some("http://p:1"), Some("ana")));
    assert!(network(&["--proxy-user", "ana"]).is_ok());
    assert!(network(&["--proxy", "pac:https://p/a.pac", "--or-direct"]).is_ok());
    for wrong in [&[][..], &["--or-direct"], &["--proxy", "none", "--proxy-password-file", "f"]] {
        assert!(network(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_pin_may_begin_with_a_hyphen() {
    let login = ["login", "https://chat.example.org", "--name", "ines", "--trust-pin", "-qRtHyPhEn"];
    let Command::Login(login) = parse(&login).unwrap().command else { panic!("another command") };
    assert_eq!(login.trust_pin.as_deref(), Some("-qRtHyPhEn"));
    assert!(parse(&["join", "https://x/join/y#z", "--name", "ines", "--trust-pin", "-q"]).is_ok());
    assert!(parse(&["identity", "accept", "-qRtHyPhEn"]).is_ok());
}

#[test]
fn a_profile_is_restored_into_either_place_and_set_aside_on_purpose_only() {
    let restored = parse(&["key", "restore", "--code-file", "code", "--new-passphrase-file", "mine"]).unwrap();
    let Command::Key { action: KeyAction::Restore { code_file, new_passphrase_file } } = restored.command else {
        panic!("it is restored");
    };
    assert_eq!((code_file, new_passphrase_file), (Some("code".into()), Some("mine".into())));
    for (words, meant) in [(&["key", "set-aside"][..], false), (&["key", "set-aside", "--yes"], true)] {
        let Command::Key { action: KeyAction::SetAside { yes } } = parse(words).unwrap().command else {
            panic!("it is set aside");
        };
        assert_eq!(yes, meant);
    }
}
