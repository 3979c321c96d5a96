"""Resident memory idle, per connection and after a wave; and how long a start takes."""

import os
import socket
import ssl
import time

import stack
from measure import output

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, SETTINGS_ACK = b"\0\0\0\x04\0\0\0\0\0", b"\0\0\0\x04\x01\0\0\0\0"


def connect(address, tls=None):
    """A connection that has exchanged its settings, as an idle client's."""
    host, port = address.split(":")
    link = socket.create_connection((host, int(port)), timeout=10)
    if tls:
        link = tls.wrap_socket(link, server_hostname="localhost")
    link.sendall(PREFACE + SETTINGS)
    link.recv(4096)
    link.sendall(SETTINGS_ACK)
    return link


def client_tls():
    context = ssl.create_default_context(cafile=stack.path("ca.pem"))
    context.load_cert_chain(stack.path("client.pem"), stack.path("client.key"))
    context.set_alpn_protocols(["h2"])
    return context


def settled(program):
    time.sleep(0.5)
    return program.rss()


def per_connection(program, count, tls=None):
    """KiB a connection, and ms of CPU for each."""
    # The first ones pay for what all share.
    held = [connect(program.address, tls) for _ in range(32)]
    before, cpu = settled(program), program.cpu()
    held += [connect(program.address, tls) for _ in range(count)]
    cpu = (program.cpu() - cpu) / count * 1000
    kib = (settled(program) - before) / count
    for link in held:
        link.close()
    return kib, cpu


def wave(program, count, seconds):
    """RSS after `count` connections came and went, over RSS before."""
    before = settled(program)
    held = [connect(program.address) for _ in range(count)]
    peak = settled(program)
    for link in held:
        link.close()
    end = time.monotonic() + seconds
    now = settled(program)
    while now > 1.3 * before and time.monotonic() < end:
        now = settled(program)
    return before, peak, now


def memory(report, tenant, plan):
    os.sched_setaffinity(0, {1})
    files = {"tls_certificate_file": stack.path("server.pem"), "tls_key_file": stack.path("server.key"),
             "tls_client_ca_file": stack.path("ca.pem")}
    plain, secured = stack.docbridged("memory-plain"), stack.docbridged("memory-mtls", **files)
    try:
        get = stack.target(plain, "/docbridge.v1.ConnectionService/GetConnection",
                           stack.text_field(1, tenant.connection), tenant)
        get.load(8, 10, 2000)
        report.add("memory", "idle, pool open", [settled(plain) / 1024], [], "MiB", "< 40", of="ours", inverse=True)
        kib, _ = per_connection(plain, plan.connections)
        tls_kib, tls_cpu = per_connection(secured, plan.connections // 4, client_tls())
        report.add("memory", "idle connection, plaintext", [kib], [], "KiB", "<= 25", of="ours", inverse=True)
        report.add("memory", "idle connection, mTLS vs plaintext", [tls_kib], [kib], "KiB", "<= 120", of="ours",
                   inverse=True)
        report.add("memory", "handshake with client certificate", [tls_cpu], [], "ms CPU", "<= 3", of="ours",
                   inverse=True)
        before, peak, after = wave(plain, plan.wave, 60 if plan.rounds > 3 else 8)
        report.add("memory", f"after {plan.wave:,} connections vs before", [after / 1024], [before / 1024], "MiB",
                   "<= 1.3", inverse=True, note=f"{peak / 1024:.0f} MiB while they were open")
    finally:
        plain.stop()
        secured.stop()


def start(report, plan):
    ours, floor = [], []
    for _ in range(plan.rounds + 1):
        program = stack.docbridged("start")
        ours.append(program.ready_ms)
        program.stop()
        began = time.monotonic()
        output(["psql", "-X", "-q", "-At", "-h", stack.path("postgres"), "-U", "docbridged", "-d", "docbridge", "-c",
                "select 1"], core="0")
        floor.append((time.monotonic() - began) * 1000)
    report.add("start", "to serving, migrated schema, vs psql -c 'select 1'", ours[1:], floor[1:], "ms", "< 300",
               of="ours", inverse=True)
