#!/bin/sh
# A CGI program for fcgiwrap.
printf 'Content-Type: text/plain\r\nX-Length: %s\r\n\r\n' "$CONTENT_LENGTH"
if [ "$PATH_INFO" = /echo ]; then
  head -c "${CONTENT_LENGTH:-0}"
else
  printf '%s %s?%s' "$REQUEST_METHOD" "$PATH_INFO" "$QUERY_STRING"
fi
