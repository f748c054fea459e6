//! The envelope's bytes on the wire.

use slipway_broker::Envelope;

use crate::recorder::message;

#[test]
fn envelope_survives_encoding_and_decoding() {
    let sent = message("builder.build.queued", "b", i64::MAX, "ack");
    assert_eq!(Envelope::decode(&sent.encode()).unwrap(), sent);
}

#[test]
fn bytes_of_another_format_or_version_are_refused() {
    let encoded = message("builder.build.queued", "b", 1, "ack").encode();
    let other_version = String::from_utf8(encoded)
        .unwrap()
        .replace("\"dataschemaversion\":1", "\"dataschemaversion\":2");

    for bytes in
        [&b""[..], b"{}", b"not json", br#"{"specversion":"0.3"}"#, other_version.as_bytes()]
    {
        assert!(Envelope::decode(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}
