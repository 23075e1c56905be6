//! Networks that want one to sign in first: they answer in the server's place. Nobody but the server's own name is asked.

use super::https::{Answer, Https};
use super::route::{Router, Way, is_loopback};
use http::{StatusCode, header};
use std::time::Duration;
use url::Url;

/// What is said of such a network.
pub const WHY: &str = "this network answers in the server's place: it wants you to sign in to it first";
/// What to do about it.
pub const ADVICE: &str = "open any page in a browser and sign in there; the rest goes on by itself";

const PATIENCE: Duration = Duration::from_secs(3);
const PAGE_MAX: usize = 4096;

/// Both.
pub(super) fn words() -> String {
    format!("{WHY}; {ADVICE}")
}

/// Whether what came instead of an identity document is the page of a network.
pub(super) fn is_page(url: &str, answer: &Answer) -> bool {
    let html = answer
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"));
    answer.status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED
        || answer.status.is_success() && html
        || leads_elsewhere(url, answer)
}

/// Whether an answer sends one to another host.
fn leads_elsewhere(url: &str, answer: &Answer) -> bool {
    let Ok(here) = Url::parse(url) else { return false };
    let to = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let to = to.and_then(|to| here.join(to).ok());
    answer.status.is_redirection() && to.is_some_and(|to| to.host_str() != here.host_str())
}

/// Asks the server's own name without TLS whether somebody answers in its place: for networks that let nothing else through.
/// A server's own answer at this port leads to itself, if there is one.
pub(super) async fn asks(router: &Router, url: &str) -> bool {
    let Some(host) = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)) else { return false };
    let bare = host.trim_matches(['[', ']']);
    let straight = matches!(router.ways(bare, 443).await.as_deref(), Ok([Way::Direct]));
    !is_loopback(bare) && straight && asks_at(&format!("http://{host}/")).await
}

async fn asks_at(url: &str) -> bool {
    match tokio::time::timeout(PATIENCE, Https::plain().get(url, PAGE_MAX)).await {
        Ok(Ok(answer)) => answer.status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED || leads_elsewhere(url, &answer),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
