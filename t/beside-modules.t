# Beside njs, Lua, headers-more and Brotli: their handlers and filters in the
# same locations do not change updates, the gate and the key.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $modules = '/usr/lib/nginx/modules';
my @needed  = qw(ndk_http_module ngx_http_lua_module ngx_http_js_module
    ngx_http_headers_more_filter_module ngx_http_brotli_filter_module);

plan skip_all => 'requires the modules of the system\'s nginx'
    if $ENV{TEST_NGINX_BINARY} || grep { !-e "$modules/$_.so" } @needed;

my $script = Reauth::Test::work_dir() . '/beside.js';

Reauth::Test::write_file($script, <<'EOC');
function header(r) { r.headersOut['X-Js'] = 'seen'; }
function body(r, data, flags) { r.sendBuffer(data, flags); }
function key(r) { return 'js:' + (r.variables.reauth_authorization || 'none'); }
async function call(r) {
    const reply = await r.subrequest('/api/acct_1/chats');
    r.return(200, String(reply.status));
}
export default { header, body, key, call };
EOC

my $gateway = gateway(
    workers     => 2,
    main_config => join('', map { "load_module \"$_\";\n" }
        '$TEST_NGINX_MODULE', map { "$modules/$_.so" } @needed),
    http_config => <<"EOC", config => <<'EOC');
js_import beside from $script;
js_set \$js_key beside.key;
brotli on;
brotli_types application/json;
more_set_headers 'X-More: seen';
log_format others '\$js_key|\$reauth_gate|\$status';
access_log logs/others.log others;
init_by_lua_block { collectgarbage() }
header_filter_by_lua_block { ngx.header['X-Lua'] = 'seen' }
body_filter_by_lua_block { ngx.ctx.bytes = (ngx.ctx.bytes or 0) + #ngx.arg[1] }
log_by_lua_block { ngx.ctx.logged = ngx.var.reauth_authorization }
EOC
location /api/ {
    js_header_filter beside.header;
    js_body_filter beside.body;
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $reauth_authorization;
}
location /api/authenticate {
    js_header_filter beside.header;
    js_body_filter beside.body;
    reauth_authenticate /upstream;
}
rewrite_by_lua_block { ngx.ctx.rewritten = true }
access_by_lua_block { if ngx.var.arg_deny then ngx.exit(403) end }
more_clear_input_headers 'X-Secret';
location = /lua/call {
    access_by_lua_block { return }
    content_by_lua_block {
        local reply = ngx.location.capture('/api/acct_1/chats')
        ngx.print(reply.status, ' ', reply.body)
    }
}
location = /lua/key {
    content_by_lua_block { ngx.print('[', ngx.var.reauth_authorization, ']') }
}
location = /js/call { js_content beside.call; }
EOC

sub sent_to {
    my ($account) = @_;

    return grep { ($_->{account} // '') eq $account } sandbox_log();
}


my $update = $gateway->update('acct_1', 'otp', headers => { 'X-Secret' => 'x' });

is($update->{status}, 200, 'an update is accepted beside the modules');
is($update->{headers}{'x-lua'}, 'seen', 'the header filter of Lua was called');
is($update->{headers}{'x-js'}, 'seen', 'the header filter of njs was called');
is($update->{headers}{'x-more'}, 'seen', 'headers-more has set its header');
is($gateway->update('acct_1', 'otp')->{json}{attempt_id},
    $update->{json}{attempt_id}, 'an identical update shares the attempt');
is(scalar sent_to('acct_1'), 1, 'one of two identical updates is sent');
like((sent_to('acct_1'))[0]{headers}{authorization}, qr/\ABearer sandbox-api/,
    'an update is sent with the key of the gateway');

my $closed = $gateway->http('GET', '/api/acct_1/chats');

is($closed->{status}, 503, 'a closed gate responds with 503 beside the modules');
is($closed->{json}{account_id}, 'acct_1', 'the response of a closed gate has its body');
is($gateway->http('GET', '/api/acct_1/chats?deny=1')->{status}, 403,
    'Lua denies a call before the gate is asked');
is($gateway->http('GET', '/api/acct_2/chats')->{status}, 200,
    'an open gate passes a call beside the modules');
is((sent_to('acct_2'))[0]{headers}{'x-secret'}, undef,
    'a header that headers-more removes is not sent');


# subrequests of scripts are not checked by the gate; the sandbox responds

like($gateway->http('GET', '/lua/call')->{body}, qr/\A503 /,
    'a subrequest of Lua receives the response of the upstream');
is($gateway->http('GET', '/js/call')->{body}, '503',
    'a subrequest of njs receives the response of the upstream');
is(scalar sent_to('acct_1'), 3, 'subrequests of scripts are sent');
is($gateway->http('GET', '/lua/key')->{body}, '[]', 'Lua cannot read the key');


# compressed

my $packed = $gateway->http('GET', '/reauth/accounts',
    { 'Accept-Encoding' => 'br' });
is($packed->{status}, 200, 'the list of accounts can be compressed');

$gateway->reload;
is($gateway->http('GET', '/api/acct_1/chats')->{status}, 503,
    'the gate is closed after a reload beside the modules');

my $log = Reauth::Test::slurp("$gateway->{dir}/logs/others.log");
like($log, qr/^js:none\|closed\|503$/m, 'njs cannot read the key for a log');
unlike($log, qr/sandbox-api/, 'no log of another module has the key');
unlike($gateway->error_log, qr/\[(?:emerg|alert|crit)\]/,
    'no alerts are logged beside the modules');

done_testing();
