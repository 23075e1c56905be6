use super::*;

/// Keys of the test's own in the places of the machine's and the person's.
struct Registry {
    place: String,
    machine: Key,
    person: Key,
}

impl Registry {
    fn new(name: &str) -> Self {
        let place = format!(r"Software\app.thechat.test\{}-{name}", std::process::id());
        let key = |whose: &str| CURRENT_USER.create(format!(r"{place}\{whose}")).unwrap();
        Self { machine: key("machine"), person: key("person"), place }
    }

    fn script(&self) -> Option<String> {
        script_of(&self.machine, &self.person).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        CURRENT_USER.remove_tree(&self.place).unwrap();
    }
}

#[test]
fn the_script_of_the_settings_is_found_where_there_is_one() {
    let registry = Registry::new("script");
    assert_eq!(registry.script(), None, "no settings at all");
    let settings = registry.person.create(SETTINGS).unwrap();
    assert_eq!(registry.script(), None, "no script in them");
    settings.set_string("AutoConfigURL", " http://proxy.example.org/proxy.pac").unwrap();
    assert_eq!(registry.script().as_deref(), Some("http://proxy.example.org/proxy.pac"));
    settings.set_string("AutoConfigURL", "").unwrap();
    assert_eq!(registry.script(), None, "an empty one is none");
    settings.set_u32("AutoConfigURL", 1).unwrap();
    script_of(&registry.machine, &registry.person).unwrap_err();
}

#[test]
fn the_machine_s_settings_count_where_a_policy_says_so() {
    let registry = Registry::new("policy");
    for (whose, script) in [(&registry.machine, "http://machine/"), (&registry.person, "http://person/")] {
        whose.create(SETTINGS).unwrap().set_string("AutoConfigURL", script).unwrap();
    }
    assert_eq!(registry.script().as_deref(), Some("http://person/"));
    let policy = registry.machine.create(POLICY).unwrap();
    for (per_user, script) in [(0, "http://machine/"), (1, "http://person/")] {
        policy.set_u32("ProxySettingsPerUser", per_user).unwrap();
        assert_eq!(registry.script().as_deref(), Some(script));
    }
}

#[test]
fn this_system_says_whether_it_has_one() {
    script().unwrap();
}
