use super::*;
use crate::args::Arguments;
use clap::Parser;

#[test]
fn an_error_in_json_has_the_fields_of_the_contract() {
    let error = ErrorJson::from(Error::Offline { why: "connection refused".into() }.report());
    assert_eq!(
        serde_json::to_string(&error).unwrap(),
        r#"{"error":"offline","code":10,"what":"the server cannot be reached","why":"connection refused","do":"check the network and the address, then try again"}"#
    );
}

#[test]
fn seconds_are_there_when_waiting_helps() {
    let report = ErrorReport {
        error: "locked_out".into(),
        code: 13,
        what: "too many attempts".into(),
        why: "five wrong passwords".into(),
        advice: "wait".into(),
        seconds: Some(60),
    };
    let error = ErrorJson::from(report);
    assert!(serde_json::to_string(&error).unwrap().ends_with(r#""seconds":60}"#));
    assert_eq!(error.line(), "error: too many attempts: five wrong passwords; wait (60 seconds left)");
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let why = String::new;
    let codes = [
        (Error::bad_input("", ""), 3),
        (Error::Offline { why: why() }, 10),
        (Error::PinMismatch { pinned: why(), shown: why() }, 11),
        (Error::NotTrusted { pin: why() }, 11),
        (Error::NoBackend { why: why() }, 20),
        (Error::Locked { why: why() }, 21),
        (Error::Dismissed { why: why() }, 21),
        (Error::KeyMissing, 22),
        (Error::WrongKey { why: why() }, 23),
        (Error::Corrupt { file: why(), why: why() }, 24),
        (Error::NotGenuine { why: why() }, 24),
        (Error::Unreachable { why: why() }, 25),
        (Error::Busy, 26),
        (Error::Newer { file: why() }, 27),
        (Error::DiskFull { why: why() }, 28),
        (Error::Internal { id: why(), why: why() }, 70),
    ];
    for (error, code) in codes {
        assert_eq!(ErrorJson::from(error.report()).code, code, "{error:?}");
    }
    assert_eq!(ErrorJson::usage("", "").code, 2);
}

#[test]
fn an_error_for_people_is_one_line() {
    let error = ErrorJson::from(Error::bad_input("a\nb", "c\r\n\u{1b}[31md").report());
    assert_eq!(error.line().lines().count(), 1);
    assert!(!error.line().contains('\u{1b}'));
}

#[test]
fn what_clap_refuses_is_one_line_that_says_what_is_wrong() {
    for (words, what, why) in [
        (&["join", "invite"][..], "the following required arguments were not provided", "--name <NAME>"),
        (&["send"], "the following required arguments were not provided", "<CHANNEL> <TEXT>"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'", ""),
        (&[], "a command is missing", "nothing says what to do"),
        (&["read", "a", "-n", "x"], "invalid value 'x' for '--number <N>'", "invalid digit found in string"),
    ] {
        let error = Arguments::try_parse_from([&["thechatapp-cli"], words].concat()).unwrap_err();
        let said = ErrorJson::clap(&error);
        assert_eq!((said.what.as_str(), said.why.as_str()), (what, why), "{words:?}");
        assert_eq!(said.line().lines().count(), 1);
    }
}

#[test]
fn text_of_others_cannot_drive_the_terminal() {
    assert_eq!(
        lines("a\u{1b}]0;x\u{7}b\r\nc\td\u{9b}e\u{202e}f"),
        "a\u{fffd}]0;x\u{fffd}b\u{fffd}\nc d\u{fffd}e\u{fffd}f"
    );
    assert_eq!(lines("Olá, 👩‍🚀 שלום"), "Olá, 👩‍🚀 שלום");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::Deaf));
    let json = serde_json::to_writer(Gone, "text").map_err(io::Error::from).unwrap_err();
    assert!(matches!(Failure::from(json), Failure::Deaf));
}

struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
