use super::*;

#[test]
fn a_day_begins_at_midnight_utc_and_a_moment_is_itself() {
    assert_eq!(moment(None).unwrap(), None);
    assert_eq!(moment(Some("2026-11-24")).unwrap().unwrap().to_string(), "2026-11-24T00:00:00.000Z");
    assert_eq!(moment(Some("2026-11-24T10:12:00+01:00")).unwrap().unwrap().to_string(), "2026-11-24T09:12:00.000Z");
    assert_eq!(moment(Some("yesterday")).unwrap_err().exit_code(), 3);
}

#[test]
fn what_the_server_did_not_look_at_is_said_for_people_and_for_machines() {
    let found = |back, behind| RemoteFound { hits: Vec::new(), reaches_back_to: back, behind };
    assert_eq!(Limits::of(&found(None, false)), None);
    let back = moment(Some("2026-11-24")).unwrap();
    let both = Limits::of(&found(back, true)).unwrap();
    assert_eq!(
        both.to_string(),
        "the server looked back to 2026-11-24T00:00:00.000Z only; --before 2026-11-24T00:00:00.000Z goes on from there; \
         the server's index lacks messages still, as after an import: ask again in a while"
    );
    let json = |limits| serde_json::to_string(&limits).unwrap();
    assert_eq!(json(both), r#"{"reaches_back_to":"2026-11-24T00:00:00.000Z","behind":true}"#);
    assert_eq!(json(Limits::of(&found(None, true)).unwrap()), r#"{"behind":true}"#);
}
