#!/usr/bin/env perl
# A FastCGI program on Perl's FCGI module: hello.pl SOCKET, a path or :PORT. /echo returns the body.
use strict;
use warnings;
use FCGI;
use IO::Handle;

my $socket = FCGI::OpenSocket($ARGV[0], 64);
my %env;
my ($in, $out, $err) = (IO::Handle->new, IO::Handle->new, IO::Handle->new);
my $request = FCGI::Request($in, $out, $err, \%env, $socket);
while ($request->Accept() >= 0) {
  my $length = $env{CONTENT_LENGTH} || 0;
  print {$out} "Content-Type: text/plain\r\nX-Length: $length\r\n\r\n";
  if ($env{PATH_INFO} eq '/echo') {
    my $left = $length;
    while ($left > 0 and my $count = read($in, my $buffer, $left > 65536 ? 65536 : $left)) {
      print {$out} $buffer;
      $left -= $count;
    }
  } else {
    print {$out} "$env{REQUEST_METHOD} $env{PATH_INFO}?$env{QUERY_STRING}";
  }
  $request->Finish();
}
