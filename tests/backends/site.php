<?php
// What the tests ask of PHP-FPM, by the parameter `do`.
header('X-Pid: ' . getmypid());
switch ($_GET['do'] ?? '') {
  case 'server':
    header('Content-Type: application/json');
    echo json_encode($_SERVER, JSON_INVALID_UTF8_SUBSTITUTE);
    break;
  case 'echo':
    header('Content-Type: application/octet-stream');
    header('X-Length: ' . ($_SERVER['CONTENT_LENGTH'] ?? 'none'));
    echo file_get_contents('php://input');
    break;
  case 'form':
    echo json_encode(['post' => $_POST, 'cookie' => $_COOKIE, 'get' => $_GET]);
    break;
  case 'big':
    $piece = str_repeat(implode('', range('a', 'p')), 65536);
    for ($i = 0; $i < (int)$_GET['mib']; $i++) {
      echo $piece;
    }
    break;
  case 'status':
    http_response_code((int)$_GET['code']);
    echo 'status';
    break;
  case 'log':
    error_log('e2e says: ' . $_GET['text']);
    echo 'logged';
    break;
  case 'sleep':
    usleep(1000 * (int)$_GET['ms']);
    echo 'slept';
    break;
  case 'finish':
    echo 'finished';
    fastcgi_finish_request();
    usleep(1000 * (int)$_GET['ms']);
    break;
  case 'location':
    header('Location: ' . $_GET['to']);
    break;
  case 'exit':
    exec('kill -9 ' . getmypid());
    break;
  default:
    echo 'hello from php';
}
