use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

/// 2026-11-30.
const NOW: u64 = 1_796_000_000;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for chat.example.org, good until the first day of a year.
fn issued(by: &Authority, until: i32) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(["chat.example.org".to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    params.signed_by(&KeyPair::generate().unwrap(), by).unwrap().der().clone()
}

fn verified(
    listed: &[[u8; 32]],
    roots: &[&Authority],
    end: &CertificateDer<'_>,
    host: &str,
) -> std::result::Result<(), rustls::Error> {
    let roots: Vec<Vec<u8>> = roots.iter().map(|root| root.der().to_vec()).collect();
    let verifier = Strict::new(listed, &roots, provider()).unwrap();
    let host = ServerName::try_from(host).unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW));
    verifier.verify_server_cert(end, &[], &host, &[], now).map(drop)
}

#[test]
fn a_certificate_of_a_private_authority_counts_for_its_name_and_of_a_stranger_s_does_not() {
    let (ours, another, strange) = (authority("ours"), authority("another"), authority("strange"));
    let roots = [&another, &ours];
    verified(&[], &roots, &issued(&ours, 2090), "chat.example.org").unwrap();
    let wrong = verified(&[], &roots, &issued(&ours, 2090), "files.example.org").unwrap_err();
    assert!(wrong.to_string().contains("not valid for name"), "{wrong}");
    for roots in [&roots[..], &[]] {
        let unknown = verified(&[], roots, &issued(&strange, 2090), "chat.example.org").unwrap_err();
        assert!(matches!(unknown, rustls::Error::InvalidCertificate(_)), "{unknown}");
    }
}

#[test]
fn of_what_a_private_authority_did_issue_it_is_told_what_is_wrong() {
    let ours = authority("ours");
    let expired = verified(&[], &[&ours], &issued(&ours, 2020), "chat.example.org").unwrap_err();
    assert!(expired.to_string().contains("expired"), "{expired}");
}

#[test]
fn a_key_that_the_identity_lists_counts_whoever_issued_it() {
    let strange = issued(&authority("strange"), 2020);
    let key = key_hash(&strange).unwrap();
    verified(&[key], &[], &strange, "another.example.org").unwrap();
    verified(&[[7; 32]], &[], &strange, "chat.example.org").unwrap_err();
}

#[test]
fn what_is_no_certificate_is_no_authority() {
    assert!(Strict::new(&[], &[b"no certificate".to_vec()], provider()).is_err());
}
