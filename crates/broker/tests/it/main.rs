//! RabbitMQ and the in-process adapter: one contract for both, and the specifics of each.

mod contract;
mod envelope;
mod in_process;
mod rabbitmq;
mod recorder;
mod silent_broker;
