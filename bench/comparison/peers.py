"""The proxies that are compared: how each is configured for the same work, and started.

Each has one worker, keeps its clients' connections and, where it can, those to the application, logs
no access and buffers no answer in a file. What a proxy cannot do is no fault of its configuration:
h2o has one application to a path, lighttpd and Caddy open a connection for each request.
"""

import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass

ROOT_DIR = pathlib.Path(__file__).resolve().parents[2]
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
APACHE_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules",
                  "/usr/local/apache2/modules")


@dataclass
class Work:
    """What one run asks of a proxy."""
    folder: pathlib.Path  # empty, and the proxy's own
    port: int
    backends: list        # "127.0.0.1:4000" or "unix:/path"
    busy: int             # requests at once
    clients: int          # connections at once, idle ones included
    files: int            # descriptors that a process may have

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    def kept(self):
        """Connections to the application that are worth keeping."""
        return self.busy + 16


class Peer:
    programs = ()
    balances = True
    version_option = "-v"

    def __init__(self, name):
        self.name = name

    def program(self):
        path = os.environ.get("PATH", "") + ":" + SBIN
        return next(filter(None, (shutil.which(name, path=path) for name in self.programs)), None)

    def version(self):
        """The first line of what it says about itself."""
        done = subprocess.run([self.program(), self.version_option], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"

    def environment(self, _work):
        return {}

    def command(self, work):
        """Writes the configuration and returns what starts the proxy in the foreground."""
        raise NotImplementedError


class Millrace(Peer):
    version_option = "--version"

    def __init__(self, name, path=None):
        super().__init__(name)
        self.path = path or ROOT_DIR / "build/release/millrace"

    def program(self):
        return str(self.path) if os.access(self.path, os.X_OK) else None

    def command(self, work):
        urls = [b if b.startswith("unix:") else f"fcgi://{b}/" for b in work.backends]
        if len(urls) == 1:
            target = f'{{ url = "{urls[0]}", idle = {work.kept()} }}'
            balancer = ""
        else:
            target = '"balancer://app/"'
            members = ", ".join(f'{{ url = "{url}", idle = {work.kept()} }}' for url in urls)
            balancer = f"[balancer.app]\nmembers = [{members}]"
        return [self.program(), "run", "-c", work.write("millrace.toml", f"""
[server]
workers = 1
[[listen]]
address = "127.0.0.1:{work.port}"
[timeouts]
header = "10m"
keepalive = "10m"
[[site]]
[[site.route]]
path = "/"
to = {target}
{balancer}
""")]


class Nginx(Peer):
    programs = ("nginx",)
    PARAMS = {
        "QUERY_STRING": "$query_string", "REQUEST_METHOD": "$request_method",
        "CONTENT_TYPE": "$content_type", "CONTENT_LENGTH": "$content_length",
        "SCRIPT_NAME": "$fastcgi_script_name", "REQUEST_URI": "$request_uri",
        "DOCUMENT_URI": "$document_uri", "DOCUMENT_ROOT": "$document_root",
        "SERVER_PROTOCOL": "$server_protocol", "REQUEST_SCHEME": "$scheme",
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "nginx/$nginx_version",
        "REMOTE_ADDR": "$remote_addr", "REMOTE_PORT": "$remote_port",
        "SERVER_ADDR": "$server_addr", "SERVER_PORT": "$server_port",
        "SERVER_NAME": "$server_name"}  # what Debian's fastcgi_params has

    def command(self, work):
        servers = "\n".join(f"    server {backend};" for backend in work.backends)
        params = "\n".join(f"      fastcgi_param {name} {value};"
                           for name, value in self.PARAMS.items())
        temporary = "\n".join(f"  {kind}_temp_path {work.folder}/{kind};"
                              for kind in ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        return [self.program(), "-p", str(work.folder), "-e", str(work.folder / "error.log"),
                "-c", work.write("nginx.conf", f"""
daemon off;
worker_processes 1;
worker_rlimit_nofile {work.files};
pid {work.folder}/pid;
error_log {work.folder}/error.log;
events {{ worker_connections {work.files - 100}; }}
http {{
  access_log off;
{temporary}
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_header_timeout 600s;
  client_body_buffer_size 128k;
  client_max_body_size 64m;
  upstream app {{
{servers}
    keepalive {work.kept()};
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }}
  server {{
    listen 127.0.0.1:{work.port} backlog=4096;
    location / {{
      fastcgi_pass app;
      fastcgi_keep_conn on;
      fastcgi_buffer_size 16k;
      fastcgi_buffers 16 32k;
      fastcgi_busy_buffers_size 128k;
      fastcgi_max_temp_file_size 0;
{params}
    }}
  }}
}}
""")]


class Haproxy(Peer):
    programs = ("haproxy",)

    def command(self, work):
        servers = "\n".join(
            f"  server s{number} {backend.replace('unix:', 'unix@')} proto fcgi pool-max-conn -1"
            for number, backend in enumerate(work.backends))
        most = min(work.clients + work.busy + 500, work.files // 2 - 200)
        return [self.program(), "-db", "-f", work.write("haproxy.cfg", f"""
global
  nbthread 1
  maxconn {most}
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 30s
  timeout http-keep-alive 600s
  http-reuse always
frontend front
  bind 127.0.0.1:{work.port} backlog 4096
  maxconn {most}
  default_backend app
fcgi-app responder
  docroot /
  option keep-conn
backend app
  balance roundrobin
  use-fcgi-app responder
{servers}
""")]


class Apache(Peer):
    programs = ("apache2", "httpd")
    MODULES = ("mpm_event", "authz_core", "unixd", "proxy", "proxy_fcgi", "slotmem_shm",
               "proxy_balancer", "lbmethod_byrequests")

    def program(self):
        found = any(os.path.isdir(folder) for folder in APACHE_MODULES)
        return super().program() if found else None

    def command(self, work):
        folder = next(filter(os.path.isdir, APACHE_MODULES))
        # One that is not there is compiled in.
        modules = "\n".join(f"LoadModule {name}_module {folder}/mod_{name}.so"
                            for name in self.MODULES if os.path.exists(f"{folder}/mod_{name}.so"))
        threads = max(80, work.busy * 5 // 4)  # A request holds one.
        urls = [f"{b}|fcgi://localhost" if b.startswith("unix:") else f"fcgi://{b}"
                for b in work.backends]
        pool = f"enablereuse=on max={threads}"
        if len(urls) == 1:
            route = f'ProxyPass "/" "{urls[0]}/" {pool}'
        else:
            members = "\n".join(f'  BalancerMember "{url}" {pool}' for url in urls)
            route = f'<Proxy "balancer://app">\n{members}\n</Proxy>\nProxyPass "/" "balancer://app/"'
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        return [self.program(), "-DFOREGROUND", "-d", str(work.folder), "-f",
                work.write("httpd.conf", f"""
ServerRoot {work.folder}
ServerName localhost
DefaultRuntimeDir {work.folder}
PidFile {work.folder}/pid
ErrorLog {work.folder}/error.log
Mutex pthread
{modules}
{user}
Listen 127.0.0.1:{work.port}
ListenBackLog 4096
StartServers 1
ServerLimit 1
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
AsyncRequestWorkerFactor {max(2, work.clients // 8)}
MaxConnectionsPerChild 0
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
Timeout 600
DocumentRoot {work.folder}
<Location />
  Require all granted
</Location>
{route}
""")]


class Lighttpd(Peer):
    programs = ("lighttpd",)

    def command(self, work):
        members = []
        for backend in work.backends:
            host, _, port = backend.rpartition(":")
            where = (f'"socket" => "{backend[5:]}"' if host == "unix"
                     else f'"host" => "{host}", "port" => {port}')
            members.append(f'  ( {where}, "check-local" => "disable", "max-procs" => 1 )')
        return [self.program(), "-D", "-f", work.write("lighttpd.conf", f"""
server.document-root = "{work.folder}"
server.bind = "127.0.0.1"
server.port = {work.port}
server.modules = ( "mod_fastcgi" )
server.errorlog = "{work.folder}/error.log"
server.upload-dirs = ( "{work.folder}" )
server.max-fds = {work.files}
server.max-connections = {work.files // 2}
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 600
server.max-read-idle = 600
server.max-write-idle = 600
server.listen-backlog = 4096
server.stream-response-body = 1
fastcgi.balance = "round-robin"
fastcgi.server = ( "/" => (
{",".join(members)}
) )
""")]


class Caddy(Peer):
    programs = ("caddy",)
    version_option = "version"

    def environment(self, work):
        return {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(work.folder),
                "XDG_CONFIG_HOME": str(work.folder)}

    def command(self, work):
        backends = " ".join("unix/" + b[5:] if b.startswith("unix:") else b for b in work.backends)
        return [self.program(), "run", "--adapter", "caddyfile", "--config",
                work.write("Caddyfile", f"""
{{
  admin off
  auto_https off
  grace_period 1s
  log {{
    level ERROR
  }}
  servers {{
    timeouts {{
      idle 600s
    }}
  }}
}}
http://:{work.port} {{
  bind 127.0.0.1
  reverse_proxy {backends} {{
    lb_policy round_robin
    transport fastcgi {{
      root /
    }}
  }}
}}
""")]


class H2o(Peer):
    programs = ("h2o",)
    balances = False

    def command(self, work):
        host, _, port = work.backends[0].rpartition(":")
        where = (f"{{port: {work.backends[0][5:]}, type: unix}}" if host == "unix"
                 else f"{{host: {host}, port: {port}, type: tcp}}")
        user = "user: www-data" if os.geteuid() == 0 else ""
        return [self.program(), "-m", "worker", "-c", work.write("h2o.conf", f"""
{user}
num-threads: 1
max-connections: {work.files - 2000}
http1-request-timeout: 600
pid-file: {work.folder}/pid
error-log: {work.folder}/error.log
temp-buffer-path: {work.folder}
listen: {{host: 127.0.0.1, port: {work.port}}}
hosts:
  default:
    paths:
      "/":
        fastcgi.connect: {where}
        fastcgi.timeout.keepalive: 600000
        fastcgi.timeout.io: 600000
""")]


def all_peers(millrace=None):
    return [Millrace("millrace", millrace), Nginx("nginx"), Haproxy("haproxy"), Apache("apache"),
            Lighttpd("lighttpd"), Caddy("caddy"), H2o("h2o")]
