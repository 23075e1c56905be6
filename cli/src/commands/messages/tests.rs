use super::*;

#[test]
fn a_message_is_named_by_number_or_id() {
    assert_eq!("41".parse::<Which>().unwrap(), Which::Seq(41));
    let id = "01936b2e-0000-7000-8000-000000000001";
    assert_eq!(id.parse::<Which>().unwrap(), Which::Id(id.parse().unwrap()));
    assert_eq!("latest".parse::<Which>().unwrap_err().exit_code(), 3);
}
