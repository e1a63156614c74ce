#!/bin/sh
# A CGI program for fcgiwrap, which passes the whole body on before it reads any output.
printf 'Content-Type: text/plain\r\nX-Length: %s\r\n\r\n' "$CONTENT_LENGTH"
if [ "$PATH_INFO" = /echo ]; then
  perl -e 'undef $/; my $body = <STDIN>; print $body'
else
  printf '%s %s?%s' "$REQUEST_METHOD" "$PATH_INFO" "$QUERY_STRING"
fi
