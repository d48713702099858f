<?php // A call token for the signed-in user: GATEWAY_TOKEN_SECRET_FILE=… php -S 127.0.0.1:3000 token.php
preg_match('/^[^#\s].*\S/m', file_get_contents(getenv('GATEWAY_TOKEN_SECRET_FILE')), $secrets); // the first one signs
$user = $_SERVER['HTTP_X_USER'] ?? ''; // who is signed in: $_SESSION, in a page of yours
if ($user === '') { http_response_code(401); exit; }
$encode = fn ($bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
$call = ['to' => ['+15551234567'], 'maxDuration' => 600, 'maxCalls' => 1, 'once' => true]; // what this user may
$claims = ['sub' => $user, 'exp' => time() + 60, 'jti' => bin2hex(random_bytes(16)), 'call' => $call];
$signed = $encode('{"alg":"HS256","typ":"JWT"}') . '.' . $encode(json_encode($claims, JSON_THROW_ON_ERROR));
header('Content-Type: application/json'); header('Cache-Control: no-store');
echo json_encode(['token' => $signed . '.' . $encode(hash_hmac('sha256', $signed, $secrets[0], true))]);
