//! The ports on which the services listen unless they are configured otherwise.

/// The default ports of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub grpc: u16,
    /// Health over HTTP.
    pub http: u16,
}

pub const PERMISSION: Ports = Ports { grpc: 50_051, http: 8_051 };
pub const CATALOG: Ports = Ports { grpc: 50_052, http: 8_052 };
pub const BUILDER: Ports = Ports { grpc: 50_053, http: 8_053 };

impl Ports {
    /// The address of a service on this machine, as its clients are configured with it.
    pub fn local_url(self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }
}
