//! RabbitMQ and its twin: one contract for both, and what is particular to each.

mod black_hole;
mod contract;
mod envelope;
mod in_process;
mod rabbitmq;
mod recorder;
