<?php // A site with call tokens: GATEWAY_TOKEN_SECRET_FILE=token-secret php -S 127.0.0.1:8000 -t FOLDER server.php
if ($_SERVER['REQUEST_METHOD'] !== 'POST' || $_SERVER['REQUEST_URI'] !== '/token') { return false; } // a file of the folder
preg_match('/^[^#\s].*\S/m', file_get_contents(getenv('GATEWAY_TOKEN_SECRET_FILE')), $secrets); // the first one signs
// A browser says with each POST whose page asks; no other site's gets a token
[$origin, $host] = [$_SERVER['HTTP_ORIGIN'] ?? '', $_SERVER['HTTP_HOST'] ?? ''];
if (!in_array($origin, ["https://$host", "http://$host"], true)) { http_response_code(403); exit; }
// What a visitor may: call this number, once for each token, for ten minutes
$call = ['to' => ['+15550100600'], 'maxDuration' => 600, 'maxCalls' => 1, 'once' => true, 'origins' => [$origin]];
// Who is it? Your framework's session knows; here each browser has a number in a cookie
preg_match('/^[0-9a-f]{32}$/D', $_COOKIE['visitor'] ?? '', $known);
$visitor = $known[0] ?? bin2hex(random_bytes(16));
$encode = fn ($bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
$claims = ['sub' => "visitor-$visitor", 'exp' => time() + 60, 'jti' => bin2hex(random_bytes(16)), 'call' => $call];
$signed = $encode('{"alg":"HS256","typ":"JWT"}') . '.' . $encode(json_encode($claims, JSON_THROW_ON_ERROR));
header('Content-Type: application/json');
header('Cache-Control: no-store');
$kept = ['path' => '/', 'httponly' => true, 'samesite' => 'Strict', 'secure' => str_starts_with($origin, 'https:')];
setcookie('visitor', $visitor, $kept);
echo json_encode(['token' => $signed . '.' . $encode(hash_hmac('sha256', $signed, $secrets[0], true))]);
