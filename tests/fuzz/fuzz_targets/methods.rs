//! Every method's parameters and reply, the request envelope, events and errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thechatapp_protocol::wire::{Request, decode, encode};
use thechatapp_protocol::{ErrorBody, Event, Method};

fn params<M: Method>(bytes: &[u8]) {
    if let Ok(value) = decode::<M::Params>(bytes) {
        let _ = M::scope(&value);
        let encoded = encode(&value).expect("what decoded encodes");
        decode::<M::Params>(&encoded).expect("and decodes again");
    }
    let _ = decode::<M::Reply>(bytes);
}

macro_rules! all {
    ($($method:ty),* $(,)?) => {
        fn every_method(bytes: &[u8]) {
            $(params::<$method>(bytes);)*
        }
    };
}
thechatapp_protocol::for_each_method!(all);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = decode::<Request>(bytes) {
        every_method(&request.params);
    }
    every_method(bytes);
    let _ = decode::<Event>(bytes);
    let _ = decode::<ErrorBody>(bytes);
});
