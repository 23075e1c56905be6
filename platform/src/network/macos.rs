//! The proxy script of macOS's network settings.

use system_configuration::core_foundation::base::CFType;
use system_configuration::core_foundation::number::CFNumber;
use system_configuration::core_foundation::string::CFString;
use system_configuration::dynamic_store::SCDynamicStoreBuilder;

/// The script's address, where one is set and switched on.
pub(super) fn script() -> Option<String> {
    let proxies = SCDynamicStoreBuilder::new("app.thechat").build()?.get_proxies()?;
    let value = |name: &'static str| -> Option<CFType> {
        let value = proxies.find(CFString::from_static_string(name))?;
        Some(value.clone())
    };
    let on = value("ProxyAutoConfigEnable")?.downcast::<CFNumber>()?.to_i32()?;
    let address = value("ProxyAutoConfigURLString")?.downcast::<CFString>()?.to_string();
    (on != 0 && !address.trim().is_empty()).then(|| address.trim().to_owned())
}
