//! From where a request comes: the other end of its connection, or, behind a proxy of this host, what the proxy says. Anybody can
//! write an `X-Forwarded-For`, so it is believed only as far as proxies wrote it that the configuration names.

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request comes from: the last one on its way that is no proxy of ours.
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let ours = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    if !ours(peer) {
        return peer;
    }
    let mut last = peer;
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    // Each adds at the end whom it has the request from. What is no address ends belief, in a line or as one.
    for line in lines.into_iter().rev() {
        let Ok(line) = line.to_str() else { return last };
        for text in line.rsplit(',') {
            let Some(address) = parse(text.trim()) else { return last };
            last = address;
            if !ours(address) {
                return address;
            }
        }
    }
    last
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let plain = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = plain.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, lines: &[&str]) -> String {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        address(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn whoever_is_no_proxy_of_ours_is_not_believed() {
        assert_eq!(from("192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(from("::ffff:192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn of_what_proxies_say_the_last_address_counts_that_is_none_of_them() {
        assert_eq!(from("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What stands before it, the client wrote.
        assert_eq!(from("10.0.0.1", &["203.0.113.5, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(from("10.0.0.1", &["203.0.113.5", "198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(from("fd00::1", &["10.0.0.2, 198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(from("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(from("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "all of them are ours");
    }

    #[test]
    fn garbage_ends_what_is_believed() {
        assert_eq!(from("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.1, , 10.0.0.2"]), "10.0.0.2");
    }
}
