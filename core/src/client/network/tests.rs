use super::super::desk::Desk;
use super::*;

async fn chosen(desk: &Desk, proxy: &str, user: Option<&str>, password: Option<&str>) -> Result<()> {
    let password = password.map(|password| Zeroizing::new(password.to_owned()));
    desk.client.choose_network(proxy, false, user.map(str::to_owned), password).await
}

#[tokio::test]
async fn a_password_that_is_not_typed_again_stays_with_its_proxy_and_goes_to_no_other() {
    let desk = Desk::new().await;
    let (one, other) = ("http://proxy.example:3128", "http://other.example:3128");
    assert_eq!(chosen(&desk, one, Some("ana"), None).await.unwrap_err().exit_code(), 3);
    chosen(&desk, one, Some("ana"), Some("secret")).await.unwrap();
    chosen(&desk, one, Some("ana"), None).await.unwrap();
    assert_eq!(desk.client.network_setting().login.as_ref().unwrap().password.as_str(), "secret");
    for (proxy, user) in [(other, "ana"), (one, "olu")] {
        assert_eq!(chosen(&desk, proxy, Some(user), None).await.unwrap_err().exit_code(), 3);
    }
    assert_eq!(desk.client.network().await.unwrap().proxy, one);
    chosen(&desk, one, None, None).await.unwrap();
    assert_eq!(desk.client.network_setting().login, None);
}

#[tokio::test]
async fn a_walk_that_waits_for_somebody_ends_when_the_profile_is_closed() {
    let desk = Desk::new().await;
    // It takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    chosen(&desk, &format!("http://{}", silent.local_addr().unwrap()), None, None).await.unwrap();
    let (walker, ws) = (desk.client.clone(), desk.ws);
    let walk = tokio::spawn(async move { walker.walk(ws).await });
    let _line = silent.accept().await.unwrap();
    // All is closed, for nobody holds it any more.
    desk.client.wipe().await.unwrap();
    assert_eq!(walk.await.unwrap().unwrap_err().exit_code(), 10);
}
