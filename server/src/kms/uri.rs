//! Key services as `--kms` names them:
//!
//! ```text
//! local:[PATH]
//! vault+https://HOST[:PORT]/MOUNT/KEY[?namespace=NAME]       vault+http:// for this machine alone
//! pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=FILE      RFC 7512
//! aws-kms:KEY[?region=REGION&endpoint=URL]      an ARN, a key's id, or alias/NAME
//! ```
//!
//! What is not understood is refused: a part that was passed over could have meant another key.

use super::{KeySource, Remote, Secret, Where, pkcs11, vault};
use crate::config::KeySection;
use crate::error::{Error, Kind, Result};
use percent_encoding::percent_decode_str;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{Host, Url};
use zeroize::Zeroizing;

const FORMS: &str = "use local:, vault+https://HOST/MOUNT/KEY, pkcs11:token=..;object=..?module-path=.. or aws-kms:KEY";

impl KeySource {
    /// The key service of a URI; `passphrase` is asked for when it is the local one.
    ///
    /// # Errors
    /// Usage, with what is wrong with the URI, and what `passphrase` fails with.
    pub fn parse(
        uri: &str,
        section: &KeySection,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>>,
    ) -> Result<Self> {
        Self::parse_with(uri, section, &credential, passphrase)
    }

    /// The same; what the service manager handed over comes from `handed`.
    pub(super) fn parse_with(
        uri: &str,
        section: &KeySection,
        handed: Handed<'_>,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>>,
    ) -> Result<Self> {
        let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
        let place = match scheme {
            "local" => {
                let file = (!rest.is_empty()).then(|| PathBuf::from(rest));
                return Ok(Self::Local { file, passphrase: passphrase()? });
            }
            "vault+https" | "vault+http" => Where::Vault(vault(uri, section, handed)?),
            "pkcs11" => Where::Pkcs11(pkcs11(rest, section, handed)?),
            #[cfg(feature = "aws-kms")]
            "aws-kms" => Where::Aws(aws(rest)?),
            _ => return Err(usage(format!("{scheme}: is none that this release speaks to"), FORMS)),
        };
        let patience = Duration::from_secs(section.timeout_seconds);
        Ok(Self::Remote(Remote { place, patience, uri: uri.to_owned() }))
    }
}

fn usage(why: impl Into<String>, advice: &str) -> Error {
    Error::new(Kind::Usage, "This key service cannot be used", why, advice)
}

type Handed<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

fn vault(uri: &str, section: &KeySection, handed: Handed<'_>) -> Result<vault::Address> {
    const FORM: &str = "write it as vault+https://vault.example.org:8200/transit/KEY";
    let given = Url::parse(uri.trim_start_matches("vault+")).map_err(|why| usage(why.to_string(), FORM))?;
    if given.scheme() == "http" && !is_loopback(&given) {
        return Err(usage("vault+http: would send keys and token unencrypted over the network", FORM));
    }
    if !given.username().is_empty() || given.password().is_some() || given.fragment().is_some() {
        return Err(usage("it has a part that means nothing here", FORM));
    }
    let mut path: Vec<String> = Vec::new();
    for segment in given.path_segments().into_iter().flatten() {
        let segment = decoded(segment)?;
        if segment.is_empty() || segment == "." || segment == ".." || segment.contains('/') {
            return Err(usage("its path is not MOUNT/KEY", FORM));
        }
        path.push(segment);
    }
    let Some((key, mount)) = path.split_last().filter(|(_, mount)| !mount.is_empty()) else {
        return Err(usage("its path is not MOUNT/KEY", FORM));
    };
    let mut namespace = None;
    for (name, value) in given.query_pairs() {
        match &*name {
            "namespace" => namespace = Some(value.into_owned()),
            other => return Err(usage(format!("it says {other}, which is not known"), FORM)),
        }
    }
    let token = secret(section.vault_token.as_ref(), section.vault_token_file.as_ref(), || handed("vault_token"))
        .ok_or_else(|| {
            usage(
                "there is no token for Vault",
                "set key.vault_token_file (THECHATAPP_KEY_VAULT_TOKEN_FILE), or give it as the credential vault_token",
            )
        })?;
    let mut base = given.clone();
    base.set_path("");
    base.set_query(None);
    Ok(vault::Address { base, mount: mount.join("/"), key: key.clone(), namespace, token })
}

fn pkcs11(rest: &str, section: &KeySection, handed: Handed<'_>) -> Result<pkcs11::Address> {
    const FORM: &str = "write it as pkcs11:token=LABEL;object=LABEL?module-path=/usr/lib/..so&pin-source=/etc/..";
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut address = pkcs11::Address::default();
    let mut pin = secret(section.pin.as_ref(), section.pin_file.as_ref(), || handed("pin"));
    for (name, value) in pairs(path, ';', FORM)? {
        match name {
            "token" => address.token = Some(decoded(value)?),
            "serial" => address.serial = Some(decoded(value)?),
            "object" => address.object = Some(decoded(value)?),
            "id" => address.id = Some(percent_decode_str(value).collect()),
            "type" if value == "secret-key" => {}
            "type" => return Err(usage(format!("it names a {value}, and a secret-key is needed"), FORM)),
            other => return Err(usage(format!("it says {other}, which is not known here"), FORM)),
        }
    }
    for (name, value) in pairs(query, '&', FORM)? {
        match name {
            "module-path" => address.module = PathBuf::from(decoded(value)?),
            "pin-source" => {
                let source = decoded(value)?;
                let path = PathBuf::from(source.strip_prefix("file:").unwrap_or(&source));
                if !path.is_absolute() {
                    return Err(usage("pin-source is not an absolute path of a file", FORM));
                }
                pin = Some(Secret::File(path));
            }
            "pin-value" => return Err(usage("pin-value would show the PIN to everybody on this host", FORM)),
            other => return Err(usage(format!("it says {other}, which is not known here"), FORM)),
        }
    }
    if !address.module.is_absolute() {
        return Err(usage("module-path is missing, or not an absolute path", FORM));
    }
    if address.object.is_none() && address.id.is_none() {
        return Err(usage("it names no key: object or id is missing", FORM));
    }
    address.pin = pin;
    Ok(address)
}

#[cfg(feature = "aws-kms")]
fn aws(rest: &str) -> Result<super::aws::Address> {
    const FORM: &str =
        "write it as aws-kms:arn:aws:kms:eu-central-1:111122223333:key/ID, aws-kms:ID or aws-kms:alias/NAME";
    let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/:.".contains(c);
    if key.is_empty() || !key.chars().all(plain) {
        return Err(usage("it names no key", FORM));
    }
    let mut region = None;
    if let Some(arn) = key.strip_prefix("arn:") {
        // arn:PARTITION:kms:REGION:ACCOUNT:key/ID
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, "kms", of, _, _] = parts.as_slice() else {
            return Err(usage("its ARN is not one of KMS", FORM));
        };
        region = Some((*of).to_owned());
    }
    let mut endpoint = None;
    for (name, value) in pairs(query, '&', FORM)? {
        let value = decoded(value)?;
        match name {
            "region" => region = Some(value),
            "endpoint" => {
                let url = Url::parse(&value).map_err(|why| usage(format!("endpoint: {why}"), FORM))?;
                if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
                    return Err(usage("endpoint is not an https address", FORM));
                }
                endpoint = Some(value);
            }
            other => return Err(usage(format!("it says {other}, which is not known here"), FORM)),
        }
    }
    Ok(super::aws::Address { key: key.to_owned(), region, endpoint })
}

/// `name=value` between separators; none twice.
fn pairs<'a>(text: &'a str, separator: char, form: &str) -> Result<Vec<(&'a str, &'a str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for part in text.split(separator).filter(|part| !part.is_empty()) {
        let pair = part.split_once('=').ok_or_else(|| usage(format!("{part} is not NAME=VALUE"), form))?;
        if pairs.iter().any(|(name, _)| *name == pair.0) {
            return Err(usage(format!("it says {} twice", pair.0), form));
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| usage(format!("{text} is not UTF-8"), FORMS))?.into_owned())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn secret(text: Option<&String>, file: Option<&PathBuf>, handed: impl FnOnce() -> Option<PathBuf>) -> Option<Secret> {
    let from_file = || file.cloned().or_else(handed).map(Secret::File);
    text.map(|text| Secret::Text(Zeroizing::new(text.clone()))).or_else(from_file)
}

/// Where a key service is, whatever its key: what one wants to see is for nobody who is elsewhere.
pub(crate) fn place(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    match scheme {
        "vault+https" | "vault+http" => {
            let given = Url::parse(uri.strip_prefix("vault+")?).ok()?;
            Some(format!("{scheme}://{}:{}", given.host_str()?, given.port_or_known_default()?))
        }
        "pkcs11" => {
            let names = |part: &&str| ["token=", "serial=", "module-path="].iter().any(|name| part.starts_with(name));
            let mut parts: Vec<&str> = rest.split([';', '?', '&']).filter(names).collect();
            parts.sort_unstable();
            Some(format!("{scheme}:{}", parts.join(";")))
        }
        _ => Some(scheme.to_owned()),
    }
}

/// What the service manager handed over under this name (systemd's `LoadCredential=`).
pub fn credential(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    Some(Path::new(&folder).join(name)).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests;
