//! The HTTP/2 settings of every gRPC listener. They protect the server from idle and misbehaving
//! clients; they are not configuration, because no deployment needs other values.

use std::time::Duration;

use tonic::transport::Server;

/// Concurrent calls over one connection. More calls wait at the client.
const STREAMS_PER_CONNECTION: u32 = 256;
/// Calls of one connection that the client reset before they were accepted. One more closes the
/// connection (CVE-2023-44487).
const PENDING_RESETS: usize = 32;
/// Calls of one connection that the server reset because the client broke HTTP/2. One more closes
/// the connection (CVE-2025-8671).
const LOCAL_RESETS: usize = 64;
/// Time without traffic until the server sends a ping.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Time until an unanswered ping closes the connection.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time until a client is asked to reconnect, so that it finds new replicas. Its running calls are
/// not interrupted.
const CONNECTION_AGE: Duration = Duration::from_secs(30 * 60);

/// A server without routes. `header_bytes` limits the headers of one call (RFC 9113, section
/// 6.5.2).
pub(crate) fn server(header_bytes: u32) -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_header_list_size(header_bytes)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .max_connection_age(CONNECTION_AGE)
}
