package org.mammogate.viewer;

import android.net.http.SslError;
import android.webkit.RenderProcessGoneDetail;
import android.webkit.SslErrorHandler;
import android.webkit.WebResourceError;
import android.webkit.WebResourceRequest;
import android.webkit.WebResourceResponse;
import android.webkit.WebView;
import android.webkit.WebViewClient;
import java.io.ByteArrayInputStream;
import java.util.Collections;

/** Lets a page reach its own gateway and nobody else. */
final class LockedClient extends WebViewClient {
    /** Whose window it is. */
    interface Owner {
        /** Asked from any thread. */
        GatewayAddress gateway();

        /** {@code why}: a text of the resources. */
        void notReached(int why);

        /** The process that draws the page ended, for lack of memory as a rule. */
        void rendererGone();
    }

    private final Owner owner;

    LockedClient(Owner owner) {
        this.owner = owner;
    }

    /** True means: not to be opened. There is no way out of this window, so a link elsewhere does nothing. */
    @Override
    public boolean shouldOverrideUrlLoading(WebView web, String address) {
        return !isOurs(address);
    }

    @Override
    public WebResourceResponse shouldInterceptRequest(WebView web, WebResourceRequest request) {
        if (isOurs(request.getUrl().toString())) return null;
        ByteArrayInputStream nothing = new ByteArrayInputStream(new byte[0]);
        return new WebResourceResponse(
                "text/plain", "utf-8", 403, "Not the gateway", Collections.<String, String>emptyMap(), nothing);
    }

    @Override
    public void onReceivedError(WebView web, WebResourceRequest request, WebResourceError error) {
        if (!request.isForMainFrame()) return;
        boolean isTrust = error.getErrorCode() == ERROR_FAILED_SSL_HANDSHAKE;
        owner.notReached(isTrust ? R.string.not_trusted : R.string.not_reached);
    }

    @Override
    public void onReceivedSslError(WebView web, SslErrorHandler handler, SslError error) {
        handler.cancel();
        owner.notReached(R.string.not_trusted);
    }

    // Android 8's; the platform's classes that we compile against are older, so there is no @Override.
    public boolean onRenderProcessGone(WebView web, RenderProcessGoneDetail detail) {
        owner.rendererGone();
        return true;
    }

    private boolean isOurs(String address) {
        GatewayAddress gateway = owner.gateway();
        return gateway != null && gateway.owns(address);
    }
}
